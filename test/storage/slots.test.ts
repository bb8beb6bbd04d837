import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slots } from '../../src/core/slots.ts';

test('only so many hold a place at once, and who gives up while waiting takes nobody’s', async () => {
  const two = slots(2);
  const took: string[] = [];
  const take = async (name: string, signal?: AbortSignal) => {
    const release = await two.take(signal);
    took.push(name);
    return release;
  };
  const given = new AbortController();
  const [a, b] = [await take('a'), await take('b')];
  const givenUp = take('never', given.signal);
  const [c, d] = [take('c', new AbortController().signal), take('d')];
  await new Promise(setImmediate);
  assert.deepEqual(took, ['a', 'b']);
  given.abort();
  await assert.rejects(givenUp, { name: 'AbortError' });
  await assert.rejects(take('too late', given.signal), { name: 'AbortError' });
  a();
  // Given back twice is given back once.
  a();
  const releaseC = await c;
  await new Promise(setImmediate);
  assert.deepEqual(took, ['a', 'b', 'c']);
  b();
  releaseC();
  (await d)();
  assert.deepEqual(took, ['a', 'b', 'c', 'd']);
});
