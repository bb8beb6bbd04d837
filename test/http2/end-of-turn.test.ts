// When answers go out that were made in a turn of the event loop.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { EndOfTurn } from '../../src/http2/end-of-turn.ts';

/** One whose turns take a millisecond each, with a clock and timers that go on when they are told. */
function begun(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  let now = 1000;
  const endOfTurn = new EndOfTurn(() => now);
  return {
    endOfTurn,
    turn: () => {
      now++;
      t.mock.timers.tick(1);
    },
  };
}

/** Has a connection come in each of so many turns, and an answer be made; the turns in which some went out. */
function burst(t: TestContext, turns: number): Set<number> {
  const { endOfTurn, turn } = begun(t);
  const went = new Set<number>();
  let now = 0;
  for (let each = 0; each < turns; each++) {
    endOfTurn.connectionCame();
    endOfTurn.add(() => went.add(now));
    now = each;
    turn();
  }
  return went;
}

void describe('Answers', () => {
  test('go out at the end of the turn, all of them', (t) => {
    const { endOfTurn, turn } = begun(t);
    const went: number[] = [];
    for (const each of [1, 2, 3]) endOfTurn.add(() => went.push(each));
    assert.deepEqual(went, []);
    turn();
    assert.deepEqual(went, [1, 2, 3]);
  });

  test('do not wait for one connection', (t) => {
    const { endOfTurn, turn } = begun(t);
    let went = 0;
    endOfTurn.connectionCame();
    endOfTurn.add(() => went++);
    turn();
    assert.equal(went, 1);
  });

  test('wait while connections come turn after turn', (t) => {
    const went = burst(t, 40);
    assert.ok(went.size <= 2, `some went out in ${went.size} turns`);
  });

  test('have half of the time, however many come', (t) => {
    const { size } = burst(t, 400);
    assert.ok(size >= 150 && size <= 250, `some went out in ${size} of 400 turns`);
  });
});
