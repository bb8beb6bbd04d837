import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobName } from '../../src/core/digest.ts';
import { chunkingFacts, chunkingFunctions } from '../../src/core/chunking-function.ts';
import { sweepChunkings } from '../../src/store/chunkings.ts';
import { blobPrefixes, layoutOf, makeFolders } from '../../src/store/layout.ts';

test('chunkings go when their blobs have been gone for a while, and not before', async () => {
  const root = await mkdtemp(join(tmpdir(), 'weir-chunkings-'));
  const layout = layoutOf(root);
  await makeFolders(layout);
  const kept = blobName({ digestFunction: 'sha256', hash: '0b'.repeat(32) });
  const keptToo = blobName({ digestFunction: 'sha512', hash: '0b'.repeat(64) });
  const gone = blobName({ digestFunction: 'sha256', hash: '0c'.repeat(32) });
  const goneToo = blobName({ digestFunction: 'blake3', hash: '0b'.repeat(32) });
  for (const name of [kept, keptToo]) {
    await mkdir(layout.blobFolder(name), { recursive: true });
    await writeFile(layout.blob(name), 'a blob');
  }
  for (const { id } of chunkingFunctions.map(chunkingFacts)) {
    for (const name of [kept, keptToo, gone, goneToo]) {
      await mkdir(join(layout.chunking(id, name), '..'), { recursive: true });
      await writeFile(layout.chunking(id, name), 'a chunking');
    }
  }
  const sweep = async (now: number) => {
    let removed = 0;
    for (const prefix of blobPrefixes) removed += await sweepChunkings(layout, prefix, () => now);
    return removed;
  };
  assert.equal(await sweep(Date.now()), 0);
  assert.equal(await sweep(Date.now() + 2 * 3_600_000), 2 * chunkingFunctions.length);
  const left = (await readdir(join(root, 'weir', 'chunkings'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  assert.deepEqual(new Set(left), new Set<string>([kept, keptToo]));
  assert.equal(left.length, 2 * chunkingFunctions.length);
  await rm(root, { recursive: true });
});
