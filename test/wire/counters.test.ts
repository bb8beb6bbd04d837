import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { KnownLoad } from '../support/known-load.ts';
import { scraped } from '../support/scraped.ts';
import { grown, Tally } from '../support/tally.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Blob, clientsAt, findMissing, randomBlob, uploadName, write } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const clients = 4;
const roundsOfEach = 3;

async function scrape({ opsUrl }: Weir): Promise<string> {
  return await (await fetch(`${opsUrl}/metrics`)).text();
}

void test('all counters say exactly what the clients of a known load have counted themselves, and nothing else', async (t) => {
  const weir = await startWeir({ tcp: true, http: true });
  const tally = new Tally();
  const loads = Array.from({ length: clients }, () => new KnownLoad(weir, tally));
  t.after(async () => {
    for (const load of loads) load.close();
    await weir.stop();
  });
  const before = await scrape(weir);
  await Promise.all(
    loads.map(async (load) => {
      for (let round = 0; round < roundsOfEach; round++) await load.run();
    }),
  );
  const expected = tally.sums();
  // An HTTP request is counted when it has ended, and its client may know that a moment before.
  await eventually(async () => isDeepStrictEqual(grown(before, await scrape(weir)), expected)).catch(
    () => {},
  );
  assert.deepEqual(grown(before, await scrape(weir)), expected);
  const calls = Object.entries(expected).filter(([series]) => series.startsWith('grpc_server_handled_total'));
  t.diagnostic(`${Object.keys(expected).length} series, ${calls.reduce((sum, [, n]) => sum + n, 0)} calls`);
});

void test('what was evicted is counted exactly as it is missed by the client that has pushed it', async (t) => {
  const weir = await startWeir({ env: { LEASE_SECONDS: '0', QUOTA: String(40 * mebibyte) } });
  const push = clientsAt(weir.pushAddress);
  t.after(async () => {
    push.close();
    await weir.stop();
  });
  const sizes = new Map<string, number>();
  const blobs: Blob[] = [];
  for (let count = 0; count < 60; count++) {
    const blob = randomBlob(mebibyte + count * 4096);
    // What was uploaded in the last two seconds cannot go yet: then it tries again.
    await eventually(async () => (await write(push, uploadName(blob), blob.data).catch(() => 0n)) > 0n);
    const { blocks } = await stat(blobFile(weir.volume, blob));
    sizes.set(blob.digest.hash, blocks * 512);
    blobs.push(blob);
  }
  const counted = async () => ({
    blobs: await scraped(weir.opsUrl, 'weir_evicted_blobs_total'),
    bytes: await scraped(weir.opsUrl, 'weir_evicted_bytes_total'),
    resting: await scraped(weir.opsUrl, 'weir_trash_runs'),
    running: await scraped(weir.opsUrl, 'weir_eviction_running'),
  });
  const missed = async () => {
    const hashes = await findMissing(
      push,
      blobs.map(({ digest }) => digest),
    );
    const bytes = hashes.reduce((sum, hash) => sum + (sizes.get(hash) ?? 0), 0);
    return { blobs: hashes.length, bytes, resting: 0, running: 0 };
  };
  // Passes go on until there is room enough. To ask for the blobs would be to use them, so first it is waited for.
  await eventually(async () => (await scraped(weir.opsUrl, 'weir_used_bytes')) <= 0.9 * 40 * mebibyte);
  await eventually(async () => isDeepStrictEqual(await counted(), await missed())).catch(() => {});
  assert.deepEqual(await counted(), await missed());
  assert.ok((await missed()).blobs > 0);
  assert.ok((await scraped(weir.opsUrl, 'weir_eviction_age_seconds')) >= 0);
});
