import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobBy, digestFunctionOf, type Hashing, putBlobs } from '../support/action-samples.ts';
import { logged } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { scraped } from '../support/scraped.ts';
import { blobFile, exists, quarantinedFile, rot, traces } from '../support/volume-damage.ts';
import { type Blob, type Clients, failure, read } from '../support/wire.ts';

const functions: readonly Hashing[] = ['sha256', 'sha1', 'sha384', 'sha512', 'blake3'];
const fast = { SCRUB_BYTES_PER_SECOND: '1e9' };
const passDone = 'scrubbed all blobs';

interface Stored {
  readonly blob: Blob;
  readonly hashing: Hashing;
}

async function put(clients: Clients, { blob, hashing }: Stored): Promise<void> {
  await putBlobs(clients, [blob], digestFunctionOf(hashing));
}

function resourceName({ blob: { digest }, hashing }: Stored): string {
  return `blobs/${hashing === 'blake3' ? 'blake3/' : ''}${digest.hash}/${digest.sizeBytes}`;
}

/** A blob whose hash begins in the lower or the upper half of the folders. */
async function blobIn(half: 'lower' | 'upper'): Promise<Stored> {
  for (;;) {
    const blob = await blobBy('sha256', randomBytes(500));
    if (blob.digest.hash < '8' === (half === 'lower')) return { blob, hashing: 'sha256' };
  }
}

void test('a scrub sets aside what has rotted, whatever its digest function, and nothing else', async (t) => {
  const volume = await freshVolume(t);
  const good: Stored[] = [];
  const bad: (Stored & { readonly harm: string })[] = [];
  for (const hashing of functions) {
    for (const size of [700, 2_500_000])
      good.push({ blob: await blobBy(hashing, randomBytes(size)), hashing });
    for (const harm of Object.keys(rot)) {
      const size = harm === 'a bit flip' ? 2_500_000 : 3000;
      bad.push({ blob: await blobBy(hashing, randomBytes(size)), hashing, harm });
    }
  }
  await withServerOn(volume, {}, async (clients) => {
    for (const stored of [...good, ...bad]) await put(clients, stored);
  });
  for (const { blob, hashing, harm } of bad) await rot[harm]?.(blobFile(volume, blob, hashing));
  const goodFiles = good.map(({ blob, hashing }) => blobFile(volume, blob, hashing));
  // Old enough that reading would show in their times where the file system keeps those.
  for (const path of goodFiles) await utimes(path, 1_000_000_000, 1_000_000_100);
  const before = await Promise.all(goodFiles.map(traces));

  await withServerOn(volume, fast, async (clients, weir) => {
    await logged(weir, passDone);
    assert.deepEqual(await Promise.all(goodFiles.map(traces)), before);
    for (const { blob, hashing, harm } of bad) {
      assert.ok(!(await exists(blobFile(volume, blob, hashing))), `${hashing}: ${harm} is still there`);
      assert.ok(await exists(quarantinedFile(volume, blob, hashing)), `${hashing}: ${harm} is not set aside`);
    }
    for (const stored of bad) {
      assert.equal((await failure(read(clients, resourceName(stored)))).status, 'NOT_FOUND');
      await put(clients, stored);
      assert.deepEqual(await read(clients, resourceName(stored)), stored.blob.data);
    }
    for (const stored of good) assert.deepEqual(await read(clients, resourceName(stored)), stored.blob.data);
    assert.ok((await scraped(weir.opsUrl, 'weir_scrubbed_blobs_total')) >= good.length + bad.length);
    const bytes = good.reduce((sum, { blob }) => sum + blob.data.length, 0);
    assert.ok((await scraped(weir.opsUrl, 'weir_scrubbed_bytes_total')) >= bytes);
    assert.ok((await scraped(weir.opsUrl, 'weir_quarantined_blobs_total')) >= bad.length);
    assert.equal(await scraped(weir.opsUrl, 'weir_scrub_pass_progress'), 1);
  });
});

void test('a scrub goes on where the last server left off', async (t) => {
  const volume = await freshVolume(t);
  const [early, late] = [await blobIn('lower'), await blobIn('upper')];
  await withServerOn(volume, {}, async (clients) => {
    for (const stored of [early, late]) await put(clients, stored);
  });
  for (const { blob } of [early, late]) await rot['a bit flip']?.(blobFile(volume, blob));
  const left = {
    prefix: 128,
    began: Date.now(),
    blobs: 1000,
    bytes: 5,
    quarantined: 2,
    server: '',
    renewed: 9,
  };
  await writeFile(join(volume, 'weir', 'scrub'), JSON.stringify(left));
  await withServerOn(volume, fast, async (_clients, weir) => {
    const line = await logged(weir, passDone);
    assert.ok(Number(line['blobs']) > 1000);
    assert.ok(Number(line['quarantined']) > 2);
    assert.ok(await exists(blobFile(volume, early.blob)));
    assert.ok(await exists(quarantinedFile(volume, late.blob)));
  });
  const state = JSON.parse(await readFile(join(volume, 'weir', 'scrub'), 'utf8')) as Record<string, unknown>;
  // Over, and free for another server at once.
  assert.equal(state['prefix'], 256);
  assert.equal(state['server'], '');
});

void test('a server that ends in the middle of a pass says how far it was, and that it has ended', async (t) => {
  const volume = await freshVolume(t);
  const stored = await blobIn('lower');
  await withServerOn(volume, {}, (clients) => put(clients, stored));
  // Ten bytes a second: what it has begun takes days.
  await withServerOn(volume, { SCRUB_BYTES_PER_SECOND: '10' }, async () => {
    await eventually(() => exists(join(volume, 'weir', 'scrub')));
  });
  const state = JSON.parse(await readFile(join(volume, 'weir', 'scrub'), 'utf8')) as Record<string, unknown>;
  assert.ok(Number(state['prefix']) < 256);
  assert.equal(state['server'], '');
});

void test('a state of the scrub that makes no sense begins a new pass', async (t) => {
  const volume = await freshVolume(t);
  const stored = await blobIn('lower');
  await withServerOn(volume, {}, (clients) => put(clients, stored));
  await rot['a zero fill']?.(blobFile(volume, stored.blob));
  await writeFile(join(volume, 'weir', 'scrub'), '{"prefix":-4,');
  await withServerOn(volume, fast, async (_clients, weir) => {
    await logged(weir, passDone);
    assert.ok(await exists(quarantinedFile(volume, stored.blob)));
  });
});

void test('a server without a push listener scrubs nothing', async (t) => {
  const volume = await freshVolume(t);
  const stored = await blobIn('lower');
  await withServerOn(volume, {}, (clients) => put(clients, stored));
  await rot['a bit flip']?.(blobFile(volume, stored.blob));
  await withServerOn(volume, { ...fast, PUSH_LISTEN: 'none' }, async (_clients, weir) => {
    assert.equal(await scraped(weir.opsUrl, 'weir_scrubbed_blobs_total'), 0);
  });
  assert.ok(await exists(blobFile(volume, stored.blob)));
  assert.ok(!(await exists(join(volume, 'weir', 'scrub'))));
});
