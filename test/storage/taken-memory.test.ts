// A process takes the memory of a table when there is something to write into it: of several, some are hardly asked (ADR 72).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobName, type Digest, digestOf } from '../../src/core/digest.ts';
import { makeBallast } from '../../src/store/ballast.ts';
import { knownFiles } from '../../src/store/known-files.ts';
import { layoutOf, makeFolders } from '../../src/store/layout.ts';
import { leaseMemory } from '../../src/store/lease-memory.ts';
import { smallBlobs } from '../../src/store/small-blobs.ts';

const little = 2e6;

test('the ballast is made of the same few bytes of memory again and again', async (t) => {
  const volume = await mkdtemp(join(tmpdir(), 'weir-ballast-'));
  t.after(() => rm(volume, { recursive: true }));
  const layout = layoutOf(volume);
  await makeFolders(layout);
  const before = process.resourceUsage().maxRSS;
  await makeBallast(layout, 64 * 1024 * 1024);
  assert.ok(process.resourceUsage().maxRSS - before < 16 * 1024);
});

test('leases of a worker take little until many are remembered, all of their memory from then on, and forget nothing by it', () => {
  const { table, taken } = takenBy(() => leaseMemory(1000, () => 0, true, true));
  assert.ok(taken() < little);
  const digests = Array.from({ length: 20_000 }, digest);
  for (const [index, each] of digests.entries()) {
    table.promised(each, 100, 0);
    if (index === 300) assert.ok(taken() < little);
  }
  const grown = taken();
  assert.ok(grown > 15e6 && grown < 21e6, `${grown} bytes`);
  // Of so few, hardly five are of one set.
  const remembered = digests.filter((each) => table.rests(each) && table.isBroken(each));
  assert.ok(remembered.length > 19_900, `${remembered.length} are remembered`);
});

test('promises that are over make room for others before more memory is taken', () => {
  let now = 0;
  const { table, taken } = takenBy(() => leaseMemory(1000, () => now, true, true));
  for (let index = 0; index < 20_000; index++, now += 10) table.promised(digest(), 100, now);
  assert.ok(taken() < little, `${taken()} bytes`);
});

test('files and small blobs take nothing before there is one', () => {
  const blob = digest();
  const name = blobName(blob);
  const files = takenBy(() => knownFiles(32_768, 2));
  files.table.forget(name);
  assert.equal(files.table.has(name, [1, 2]), false);
  assert.ok(files.taken() < 1000);
  files.table.add(name, [1, 2]);
  assert.ok(files.taken() > 5e6 && files.table.has(name, [1, 2]));

  const small = takenBy(() => smallBlobs(1000));
  small.table.forget(blob);
  assert.equal(small.table.find(blob), undefined);
  assert.ok(small.taken() < 1000);
  small.table.keep(blob, { ino: 1, ctimeMs: 2 }, Buffer.from('bytes'));
  assert.ok(small.taken() > 2e6 && small.table.find(blob) !== undefined);
});

function digest(): Digest {
  return digestOf(randomBytes(32).toString('hex'), 10);
}

/** `taken`: memory of arrays since before it was made. Bytes. */
function takenBy<T>(make: () => T): { table: T; taken: () => number } {
  const before = process.memoryUsage().arrayBuffers;
  return { table: make(), taken: () => process.memoryUsage().arrayBuffers - before };
}
