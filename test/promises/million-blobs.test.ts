import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf, makeFolders } from '../../src/store/layout.ts';
import { eventually } from '../support/eventually.ts';
import { memoryOf } from '../support/process-figures.ts';
import { figure, sized } from '../support/promise-size.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  blobOf,
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  findMissing,
  read,
} from '../support/wire.ts';

const count = sized({ short: 20_000, long: 1_000_000 });
const busyMs = sized({ short: 5_000, long: 60_000 });
/** All files have to be looked at before one is moved. */
const mostMeasuringMs = sized({ short: 90_000, long: 1_200_000 });
const mostMemory = 200e6;
const perRequest = 10_000;
const callsInARow = 80;
/** Their messages take 60 MB together. */
const mostGrowth = 75e6;
/** Of a file of eight bytes. */
const bytesOnDisk = 4096;

void test(
  'a volume of a million blobs is served at once, and in little memory',
  { timeout: 7_200_000 },
  async (t) => {
    const volume = await mkdtemp(join(tmpdir(), 'weir-million-'));
    try {
      await fill(volume);
      // What the disk has still to do is not the server's time.
      execFileSync('sync');
      const quiet = await serving(volume, {}, async (weir, clients) => {
        const afterStart = await memoryOf(weir.pid);
        for (let from = 0; from < count; from += perRequest) {
          assert.deepEqual(await findMissing(clients, digestsOf(from)), []);
        }
        return { afterStart: afterStart.peak, afterFindMissing: (await memoryOf(weir.pid)).peak };
      });
      // What calls leave behind is given back before there is much of it.
      const looking = await serving(volume, { LEASE_MEMORY: 'false' }, async (weir, clients) => {
        const afterStart = await memoryOf(weir.pid);
        for (let call = 0; call < callsInARow; call++)
          assert.deepEqual(await findMissing(clients, digestsOf((call * perRequest) % count)), []);
        return { grownBy: (await memoryOf(weir.pid)).peak - afterStart.peak };
      });
      // Half of it has to go, while everything is measured, and read.
      const janitor = {
        LEASE_SECONDS: '1',
        QUOTA: String((count * bytesOnDisk) / 2),
        SCRUB_BYTES_PER_SECOND: '50e6',
      };
      const busy = await serving(volume, janitor, async (weir, clients) => {
        const until = performance.now() + busyMs;
        for (let from = 0; performance.now() < until; from = (from + perRequest) % count) {
          await findMissing(clients, digestsOf(from).slice(0, 100));
        }
        // Removing half a million files takes many disks a quarter of an hour.
        for (const name of ['weir_eviction_moved_files_total', 'weir_scrubbed_blobs_total'])
          await eventually(async () => (await scraped(weir.opsUrl, name)) > 0, mostMeasuringMs);
        return {
          whileBusy: (await memoryOf(weir.pid)).peak,
          moved: await scraped(weir.opsUrl, 'weir_eviction_moved_files_total'),
          scrubbed: await scraped(weir.opsUrl, 'weir_scrubbed_blobs_total'),
        };
      });
      figure(t, { blobs: count, quiet, looking, busy });
      assert.ok(looking.grownBy < mostGrowth, `${looking.grownBy} bytes more`);
      for (const memory of [quiet.afterStart, quiet.afterFindMissing, busy.whileBusy])
        assert.ok(memory < mostMemory, `${memory} bytes`);
    } finally {
      await rm(volume, { recursive: true });
    }
  },
);

function blobNumber(index: number): Blob {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(index);
  return blobOf(bytes);
}

function digestsOf(from: number) {
  return Array.from(
    { length: Math.min(perRequest, count - from) },
    (_, index) => blobNumber(from + index).digest,
  );
}

/** As uploads would have left it; a million of them would take an hour. */
async function fill(volume: string): Promise<void> {
  const layout = layoutOf(volume);
  await makeFolders(layout);
  for (let index = 0; index < count; index++) {
    const { data } = blobNumber(index);
    const hash = createHash('sha256').update(data).digest('hex');
    writeFileSync(join(layout.objects, hash.slice(0, 2), hash.slice(2)), data);
  }
}

/** Starts a server there, and takes the time from before its start to its first answer about a blob. */
async function serving<T>(
  volume: string,
  env: Record<string, string>,
  work: (weir: Weir, clients: Clients) => Promise<T>,
): Promise<T & { firstAnswerMs: number }> {
  const begun = performance.now();
  const weir = await startWeir({ volume, env });
  const clients = clientsAt(weir.pushAddress);
  try {
    // Evicted already, where that goes on: then the answer is no.
    const blob = blobNumber(count - 1);
    const found = await read(clients, downloadName(blob)).catch(() => undefined);
    const firstAnswerMs = Math.round(performance.now() - begun);
    if (env['QUOTA'] === undefined) assert.deepEqual(found, blob.data);
    return { ...(await work(weir, clients)), firstAnswerMs };
  } finally {
    clients.close();
    await weir.stop();
  }
}
