import assert from 'node:assert/strict';
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { outputFile, resultOf } from '../support/actions.ts';
import { pushBlob } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { scraped } from '../support/scraped.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile, exists, traces } from '../support/volume-damage.ts';
import { type Weir } from '../support/weir.ts';
import { type Blob, type Clients, putBatch, randomBlob } from '../support/wire.ts';

const long = { LEASE_SECONDS: '3600' };
const short = { LEASE_SECONDS: '1' };

function referenceFile(volume: string, key: string): string {
  return join(volume, 'cas', 'refs', 'heads', key);
}

/** Pushes a reference to a tree of one file; gives that file. */
async function pushReference(clients: Clients, key: string): Promise<Blob> {
  const file = randomBlob(100);
  const root = directoryBlob({ file });
  await putBatch(clients, [file, root]);
  await clients.references.updateReference({ instanceName: '', keys: [key], digest: root.digest });
  return file;
}

async function pushResult(clients: Clients): Promise<{ action: Blob; output: Blob }> {
  const [action, output] = [randomBlob(100), randomBlob(100)];
  await putBatch(clients, [output]);
  await clients.actions.updateActionResult({
    instanceName: '',
    actionDigest: action.digest,
    actionResult: resultOf({ outputFiles: [outputFile('out', output)] }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
  return { action, output };
}

/** Since when each record has been seen incomplete, by what the file calls it; that file comes with the first of them. */
async function observed(volume: string): Promise<Map<string, string>> {
  const file = join(volume, 'weir', 'incomplete');
  const text = (await exists(file)) ? await readFile(file, 'utf8') : '';
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']),
  );
}

/** Resolves when a server has looked at all of these records, and says how many of them lead to nothing. */
async function lookedThrough(weir: Weir, records: number, incomplete: number): Promise<void> {
  await eventually(async () => (await scraped(weir.opsUrl, 'weir_looked_records_total')) >= records);
  assert.equal(await scraped(weir.opsUrl, 'weir_incomplete_records'), incomplete);
}

void test('records that are seen incomplete twice, longer than a lease apart, go; others stay', async (t) => {
  const volume = await freshVolume(t);
  const paths: Record<string, string> = {};
  const lost: Record<string, Blob> = {};
  await withServerOn(volume, long, async (clients) => {
    for (const key of ['whole', 'lost', 'healed', 'used']) {
      const file = await pushReference(clients, `project/${key}/key`);
      paths[key] = referenceFile(volume, `project/${key}/key`);
      if (key !== 'whole') lost[key] = file;
    }
    const { action, output } = await pushResult(clients);
    const { hash } = action.digest;
    paths['result'] = join(volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
    lost['result'] = output;
    const asset = randomBlob(100);
    await putBatch(clients, [asset]);
    await pushBlob(clients, ['https://example.com/asset'], asset.digest);
    lost['asset'] = asset;
  });
  for (const blob of Object.values(lost)) await rm(blobFile(volume, blob));
  for (const path of Object.values(paths)) await utimes(path, 1_000_000_000, 1_000_000_000);
  const before = await Promise.all(Object.values(paths).map(traces));

  // Once, and once more by another server, which goes on with what the first one saw.
  await withServerOn(volume, long, async (_clients, weir) => {
    await lookedThrough(weir, 6, 5);
    await eventually(async () => (await observed(volume)).size === 5);
  });
  const first = await observed(volume);
  await withServerOn(volume, long, (_clients, weir) => lookedThrough(weir, 6, 5));
  assert.deepEqual(await observed(volume), first);
  assert.deepEqual(await Promise.all(Object.values(paths).map(traces)), before, 'nothing was used by that');

  // One is whole again, and one was used: both start over.
  await withServerOn(volume, long, async (clients) => {
    await putBatch(clients, [lost['healed'] ?? randomBlob(1)]);
  });
  await utimes(paths['used'] ?? '', new Date(), new Date());
  await withServerOn(volume, long, async (_clients, weir) => {
    await lookedThrough(weir, 6, 4);
    await eventually(async () => (await observed(volume)).size === 4);
  });
  const second = await observed(volume);
  assert.equal([...second].filter(([key, since]) => first.get(key) === since).length, 3);
  for (const path of Object.values(paths)) assert.ok(await exists(path));

  await withServerOn(volume, short, async (_clients, weir) => {
    const there = async (...names: string[]) =>
      await Promise.all(names.map((name) => exists(paths[name] ?? '')));
    await eventually(async () => !(await there('lost', 'used', 'result')).includes(true));
    await eventually(async () => (await scraped(weir.opsUrl, 'weir_removed_records_total')) === 4);
    await eventually(async () => (await scraped(weir.opsUrl, 'weir_incomplete_records')) === 0);
    assert.deepEqual(await there('whole', 'healed'), [true, true]);
    assert.match(weir.output(), /removed records that lead to something which has not been here for long/);
  });
});

void test('observations that make no sense are none', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, long, async (clients) => {
    const file = await pushReference(clients, 'p/e/k');
    await rm(blobFile(volume, file));
  });
  await writeFile(join(volume, 'weir', 'incomplete'), `x 5\n\0\n${'a'.repeat(22)} 1 somebody\n`);
  await withServerOn(volume, long, async (_clients, weir) => {
    await lookedThrough(weir, 1, 1);
    await eventually(async () => (await observed(volume)).size === 1);
    assert.ok(Number([...(await observed(volume)).values()][0]) > 1e12);
  });
});

void test('a server that keeps names only takes no record for incomplete', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, long, async (clients) => {
    const file = await pushReference(clients, 'p/e/k');
    await rm(blobFile(volume, file));
  });
  await withServerOn(volume, { ...short, INDEX_ONLY: 'true' }, async (_clients, weir) => {
    // What its janitor does besides shows that it works.
    await writeFile(join(volume, 'tmp', 'weir-kept-left'), 'left');
    await utimes(join(volume, 'tmp', 'weir-kept-left'), 1, 1);
    await eventually(async () => (await scraped(weir.opsUrl, 'weir_janitor_lock_held')) === 1);
    await eventually(async () => (await scraped(weir.opsUrl, 'weir_trash_runs')) === 0);
    assert.equal(await scraped(weir.opsUrl, 'weir_looked_records_total'), 0);
    assert.ok(await exists(referenceFile(volume, 'p/e/k')));
  });
});
