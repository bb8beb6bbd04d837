import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BlobName, blobName } from '../../src/core/digest.ts';
import { knownFiles } from '../../src/store/known-files.ts';

const sets = 64;
const places = sets * 4;

function nameOf(content: string): BlobName {
  return blobName({ digestFunction: 'sha256', hash: createHash('sha256').update(content).digest('hex') });
}

void test('a file is known until another one has its name', () => {
  const files = knownFiles(sets, 4);
  const name = nameOf('a');
  files.add(name, [1, 2.5, 3, 4]);
  assert.ok(files.has(name, [1, 2.5, 3, 4]));
  for (const other of [
    [9, 2.5, 3, 4],
    [1, 2.6, 3, 4],
    [1, 2.5, 9, 4],
    [1, 2.5, 3, 9],
  ])
    assert.ok(!files.has(name, other), other.join(' '));
  assert.ok(!files.has(nameOf('b'), [1, 2.5, 3, 4]));
  files.add(name, [9, 2.5, 3, 4]);
  assert.ok(!files.has(name, [1, 2.5, 3, 4]));
  assert.ok(files.has(name, [9, 2.5, 3, 4]));
  files.forget(name);
  assert.ok(!files.has(name, [9, 2.5, 3, 4]));
});

void test('the names of all digest functions are told apart', () => {
  const files = knownFiles(sets, 2);
  const hashes = { sha1: 'a'.repeat(40), blake3: 'b'.repeat(64), sha512: 'c'.repeat(128) } as const;
  const names = Object.entries(hashes).map(([digestFunction, hash]) =>
    blobName({ digestFunction: digestFunction as keyof typeof hashes, hash }),
  );
  for (const [index, name] of names.entries()) files.add(name, [index, 0]);
  for (const [index, name] of names.entries()) assert.ok(files.has(name, [index, 0]), name);
});

void test('of very many files the latest are known', () => {
  const files = knownFiles(sets, 2);
  const names = Array.from({ length: 10 * places }, (_, index) => nameOf(`${index}`));
  for (const [index, name] of names.entries()) files.add(name, [index, index]);
  const known = names.map((name, index) => files.has(name, [index, index]));
  const latest = known.slice(-places);
  assert.equal(known.filter(Boolean).length, places);
  // Hashes do not spread evenly over so few sets.
  assert.ok(latest.filter(Boolean).length > 0.6 * places, `${latest.filter(Boolean).length}`);
  assert.ok(known.at(-1));
});

void test('what is known is forgotten after a time', async () => {
  const files = knownFiles(sets, 2, 50);
  files.add(nameOf('a'), [1, 2]);
  assert.ok(files.has(nameOf('a'), [1, 2]));
  await sleep(100);
  assert.ok(!files.has(nameOf('a'), [1, 2]));
});
