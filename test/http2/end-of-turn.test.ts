// When answers go out that were made in a turn of the event loop.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { EndOfTurn } from '../../src/http2/end-of-turn.ts';

/** Has a connection come in each turn for so long, and an answer be made in each; when answers went out, in milliseconds from the start. */
async function burst(endOfTurn: EndOfTurn, ms: number): Promise<number[]> {
  const begun = performance.now();
  const went: number[] = [];
  while (performance.now() - begun < ms) {
    endOfTurn.connectionCame();
    endOfTurn.add(() => went.push(performance.now() - begun));
    await turn();
  }
  return went;
}

void describe('Answers', () => {
  test('go out at the end of the turn, all of them', async () => {
    const endOfTurn = new EndOfTurn();
    const went: number[] = [];
    for (const each of [1, 2, 3]) endOfTurn.add(() => went.push(each));
    assert.deepEqual(went, []);
    await turn();
    assert.deepEqual(went, [1, 2, 3]);
  });

  test('do not wait for one connection', async () => {
    const endOfTurn = new EndOfTurn();
    let went = 0;
    endOfTurn.connectionCame();
    endOfTurn.add(() => went++);
    await turn();
    assert.equal(went, 1);
  });

  test('wait while connections come turn after turn', async () => {
    const went = await burst(new EndOfTurn(), 40);
    assert.ok(went.length <= 2, `${went.length} answers went out`);
  });

  test('have half of the time, however many come', async () => {
    const went = await burst(new EndOfTurn(), 400);
    // In pieces of ten milliseconds, those in which some went out.
    const pieces = new Set(went.map((at) => Math.floor(at / 10))).size;
    assert.ok(pieces >= 10 && pieces <= 30, `some went out in ${pieces} of 40 pieces`);
  });
});
