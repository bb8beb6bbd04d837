import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turns } from '../../src/store/turns.ts';

test('only so much work runs at once, and who gives up while waiting takes nobody’s turn', async () => {
  const two = turns(2);
  const ran: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => () => {
    ran.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  const given = new AbortController();
  const answers = [two.take(work('a')), two.take(work('b'))];
  const givenUp = two.take(work('never'), given.signal);
  answers.push(two.take(work('c'), new AbortController().signal), two.take(work('d')));
  await new Promise(setImmediate);
  assert.deepEqual(ran, ['a', 'b']);
  given.abort();
  await assert.rejects(givenUp, { name: 'AbortError' });
  await assert.rejects(two.take(work('too late'), given.signal), { name: 'AbortError' });
  for (const expected of [3, 4, 4, 4]) {
    ends.shift()?.();
    await new Promise(setImmediate);
    assert.equal(ran.length, expected);
  }
  assert.deepEqual(await Promise.all(answers), ['a', 'b', 'c', 'd']);
  assert.deepEqual(ran, ['a', 'b', 'c', 'd']);

  // Work that fails gives its turn back too.
  for (let tries = 0; tries < 3; tries++) {
    await assert.rejects(
      two.take(() => Promise.reject(new Error('failed'))),
      { message: 'failed' },
    );
  }
});
