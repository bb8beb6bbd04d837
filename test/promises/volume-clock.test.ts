import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logged } from '../support/assets.ts';
import { blobFile } from '../support/volume-damage.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, findMissing, putBatch, randomBlob } from '../support/wire.ts';
import { clockFrom, wrongClock } from '../support/wrong-clock.ts';

const withFaketime = testWith('faketime');
const skewed = 'the clock of this machine is not that of the volume';

for (const [seconds, direction] of [
  [5000, 'ahead'],
  [-5000, 'behind'],
] as const) {
  withFaketime(`a server whose clock is ${direction} dates files by the volume's`, async () => {
    await withServer(
      { LEASE_SECONDS: '2', ...wrongClock(`${seconds < 0 ? '' : '+'}${seconds}s`) },
      async (weir, clients) => {
        const blob = randomBlob(100);
        await putBatch(clients, [blob]);
        const uploaded = await stat(blobFile(weir.volume, blob));
        // Touches are skipped at first. A clock that is behind would skip them for more than an hour.
        await eventually(async () => {
          assert.deepEqual(await findMissing(clients, [blob.digest]), []);
          return (await stat(blobFile(weir.volume, blob))).mtimeMs !== uploaded.mtimeMs;
        });
        const { mtimeMs, ctimeMs } = await stat(blobFile(weir.volume, blob));
        assert.ok(Math.abs(mtimeMs - ctimeMs) < 1_000_000, `${mtimeMs - ctimeMs} ms apart`);
        assert.equal(
          Math.round((await scraped(weir.opsUrl, 'weir_clock_skew_seconds')) / 100) * 100,
          seconds,
        );
      },
    );
  });
}

withFaketime('a server whose clock is wrong removes nothing until it is set', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-clock-'));
  const file = join(folder, 'clock');
  await writeFile(file, '+1000s\n');
  try {
    // Far more than the quota: another server, whose clock is right, would have gone to work at once.
    const volume = join(folder, 'volume');
    const blobs = Array.from({ length: 10 }, () => randomBlob(1024 * 1024));
    await withServer(
      {},
      async (_, clients) => {
        for (const blob of blobs) await putBatch(clients, [blob]);
      },
      volume,
    );
    const env = { LEASE_SECONDS: '1', QUOTA: '6e6', ...clockFrom(file) };
    await withServer(
      env,
      async (weir) => {
        await logged(weir, skewed);
        await logged(weir, 'measured what the cache takes');
        // Long enough for all to be old enough by any clock, and for a pass.
        await sleep(8000);
        assert.doesNotMatch(weir.output(), /"made (less )?room/);
        assert.equal(await scraped(weir.opsUrl, 'weir_evicted_blobs_total'), 0);
        await writeFile(file, '+0s\n');
        await logged(weir, `${skewed.replace('not that', 'that')} again`);
        await eventually(async () => (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
        assert.ok(Math.abs(await scraped(weir.opsUrl, 'weir_clock_skew_seconds')) <= 0.1);
      },
      volume,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function withServer(
  env: Record<string, string>,
  work: (weir: Weir, clients: Clients) => Promise<void>,
  volume?: string,
): Promise<void> {
  const weir = await startWeir(volume === undefined ? { env } : { env, volume });
  const clients = clientsAt(weir.pushAddress);
  try {
    await work(weir, clients);
  } finally {
    clients.close();
    await weir.stop();
  }
}
