import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { PackedDigests } from '../../src/core/packed-digests.ts';
import { listedFolders } from '../../src/store/listed-folders.ts';

/** So many blobs of one folder. */
function digestsOf(length: number): PackedDigests {
  const hash = (index: number) => `00${index.toString(16).padStart(62, '0')}`;
  const bytes = Buffer.concat(Array.from({ length }, (_, index) => Buffer.from(hash(index), 'hex')));
  const hashes = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const digest = () => assert.fail('no digest is needed');
  return { length, digestFunction: 'sha256', hashes, sizes: [], hash, digest };
}

/** What is done to a folder of that size in which many are sought for nothing, again and again. */
async function callsFor(size: number, names: () => string[], opens = true) {
  const made = { states: 0, opened: 0, closed: 0, listed: 0 };
  const state = () => ({ ino: 1, ctimeMs: 0, size });
  const folders = listedFolders(
    {
      folderState: () => (made.states++, state()),
      openFolder: () => (opens ? (made.opened++, { state, close: () => made.closed++ }) : undefined),
      names: () => (made.listed++, names()),
    },
    { objects: '/objects' },
  );
  const digests = digestsOf(20);
  for (let round = 0; round < 20; round++) {
    folders.soughtForNothing(digests, [...Array(20).keys()]);
    for (let turns = 0; turns < 5; turns++) await turn();
  }
  return made;
}

void test('a folder that cannot be listed is not kept open', async () => {
  const { opened, closed, listed } = await callsFor(0, () => {
    throw new Error('the disk fails');
  });
  assert.ok(listed > 0);
  assert.equal(closed, opened);
});

void test('a folder of many names is left alone until it is worth its list', async () => {
  const names = Array.from({ length: 1000 }, (_, index) => index.toString(16).padStart(62, '0'));
  assert.deepEqual(await callsFor(80_000, () => names), { states: 2, opened: 2, closed: 1, listed: 1 });
});

void test('where a look would be another machine’s answer, none is taken', async () => {
  assert.deepEqual(await callsFor(0, () => [], false), { states: 0, opened: 0, closed: 0, listed: 0 });
});
