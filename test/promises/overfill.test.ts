import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { eventually } from '../support/eventually.ts';
import {
  diskUsage,
  filesOnDisk,
  followUp,
  killOne,
  noCounts,
  type Overfill,
  pullSome,
  pushSome,
} from '../support/overfill-actors.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { scraped } from '../support/scraped.ts';
import { noSmallVolume, smallVolume } from '../support/small-volume.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, putBatch, randomBlob, uploadName, write } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const leaseSeconds = 2;
const serverCount = 3;
const { quotaBytes, rounds, kills } = sized({
  short: { quotaBytes: 48 * mebibyte, rounds: 1, kills: 3 },
  long: { quotaBytes: 192 * mebibyte, rounds: 10, kills: 8 },
});
const env = { LEASE_SECONDS: String(leaseSeconds), QUOTA: String(quotaBytes) };

void describe('several servers on one volume', () => {
  void test('that get twice the quota keep it together, and every promise', async (t) => {
    await withServers(async (run, volume) => {
      const { seen } = run;
      for (let round = 0; round < rounds; round++) await overfill(run, volume);
      const used = await atRest(run, volume);
      figure(t, {
        quotaBytes,
        ...seen,
        mostOfQuota: seen.mostUsedBytes / quotaBytes,
        atRest: used,
      });
      assert.equal(seen.phantoms, 0, 'blobs that were promised and not there');
      assert.ok(seen.kept > 0, 'no promise was followed up in time');
      assert.ok(
        seen.mostUsedBytes <= quotaBytes * 1.05,
        `${seen.mostUsedBytes} bytes were used of ${quotaBytes}`,
      );
    });
  });

  void test('refuse parallel uploads that would overrun the quota together', async (t) => {
    await withServers(
      async (run, volume) => {
        const uploads = Math.floor((1.9 * quotaBytes) / (2 * mebibyte));
        const taken = await pushAtOnce(run, uploads);
        const used = await filesOnDisk(volume);
        figure(t, { taken, ofQuota: used / quotaBytes });
        assert.ok(taken > 0 && taken < uploads, `${taken} uploads of 2 MiB were taken`);
        // What servers tell each other is no part of the cache: a few small files.
        assert.ok(used <= quotaBytes + mebibyte / 4, `${used} bytes are used of ${quotaBytes}`);
      },
      { ...env, LEASE_SECONDS: '3600' },
    );
  });

  void test(
    'refuse parallel uploads that would overrun the disk together',
    { skip: noSmallVolume },
    async (t) => {
      const small = await smallVolume(64 * mebibyte);
      const headRoom = 8 * mebibyte;
      try {
        await withServers(
          async (run, volume) => {
            const taken = await pushAtOnce(run, 45);
            const { bavail, bsize } = await statfs(volume);
            figure(t, { taken, leftFree: bavail * bsize, headRoom });
            assert.ok(taken > 0 && taken < 45, `${taken} uploads of 2 MiB were taken`);
            // Folders and the pages of the servers need room too.
            assert.ok(bavail * bsize >= headRoom - mebibyte, `${bavail * bsize} bytes are free`);
          },
          { LEASE_SECONDS: '3600', HEAD_ROOM_MIN: String(headRoom) },
          join(small.path, 'cache'),
        );
      } finally {
        await small.unmount();
      }
    },
  );

  void test('are caught by this when a blob goes that was promised', async () => {
    await withServers(async (run, volume) => {
      const blob = randomBlob(1000);
      const begun = performance.now();
      await putBatch(run.slots[0]?.clients ?? assert.fail(), [blob]);
      const { hash } = blob.digest;
      await rm(join(volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2)));
      // A lease of a time that no machine is too slow for.
      await followUp({ ...run, leaseMs: 60_000, random: () => 0 }, blob, begun);
      assert.equal(run.seen.phantoms, 1);
    });
  });
});

async function withServers(
  work: (run: Overfill, volume: string) => Promise<void>,
  settings: Record<string, string> = env,
  given?: string,
): Promise<void> {
  const volume = given ?? (await mkdtemp(join(tmpdir(), 'weir-overfill-')));
  const slots = [];
  for (let index = 0; index < serverCount; index++) {
    const weir = await startWeir({ volume, env: settings });
    slots.push({ weir, clients: clientsAt(weir.pushAddress) });
  }
  const leaseMs = leaseSeconds * 1000;
  const run: Overfill = {
    slots,
    random: seededRandom(),
    leaseMs,
    known: [],
    seen: noCounts(),
    oldClients: [],
  };
  try {
    await work(run, volume);
  } finally {
    for (const clients of run.oldClients) clients.close();
    for (const { weir, clients } of slots) {
      clients.close();
      await weir.stop();
    }
    await rm(volume, { recursive: true });
  }
}

/** Uploads of 2 MiB, all at once, spread over the servers; how many were taken. All others were refused for want of room. */
async function pushAtOnce({ slots }: Overfill, count: number): Promise<number> {
  const uploads = Array.from({ length: count }, async (_, index) => {
    const blob = randomBlob(2 * mebibyte);
    const { clients } = slots[index % slots.length] ?? assert.fail();
    await write(clients, uploadName(blob), blob.data);
  });
  let taken = 0;
  for (const outcome of await Promise.allSettled(uploads)) {
    if (outcome.status === 'fulfilled') taken++;
    else
      assert.equal(outcome.reason instanceof ClientError && outcome.reason.code, Status.RESOURCE_EXHAUSTED);
  }
  return taken;
}

/** Twice the quota, while blobs are pulled, servers are killed, and the janitors make room. */
async function overfill(run: Overfill, volume: string): Promise<void> {
  const { seen } = run;
  const goal = seen.pushedBytes + 2 * quotaBytes;
  let failed = false;
  const pushing = () => !failed && seen.pushedBytes < goal;
  const actors = [
    ...Array.from({ length: 2 * serverCount }, () => repeat(pushing, () => pushSome(run))),
    ...Array.from({ length: serverCount }, () => repeat(pushing, () => pullSome(run))),
    repeat(pushing, () => sample(run, volume)),
    kill(run, goal, pushing),
  ];
  const noted = actors.map((actor) =>
    actor.catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  await Promise.allSettled(noted);
  // Rejects with the first failure.
  await Promise.all(noted);
}

async function repeat(goesOn: () => boolean, work: () => Promise<void>): Promise<void> {
  while (goesOn()) await work();
}

async function sample({ seen }: Overfill, volume: string): Promise<void> {
  seen.mostUsedBytes = Math.max(seen.mostUsedBytes, await filesOnDisk(volume));
  seen.samples++;
  await sleep(50);
}

/** Spread over the pushes, however long these take. */
async function kill(run: Overfill, goal: number, goesOn: () => boolean): Promise<void> {
  const { seen } = run;
  const begun = seen.pushedBytes;
  for (let count = 1; count <= kills; count++) {
    const next = begun + ((goal - begun) * count) / (kills + 1);
    while (goesOn() && seen.pushedBytes < next) await sleep(20);
    if (goesOn()) await killOne(run, env);
  }
}

/** When nothing happens any more, what each server says is used is what du says; resolves with both. */
async function atRest({ slots }: Overfill, volume: string): Promise<Record<string, unknown>> {
  let said: number[] = [];
  let counted = 0;
  await eventually(async () => {
    said = await Promise.all(slots.map(({ weir }) => scraped(weir.opsUrl, 'weir_used_bytes')));
    counted = await diskUsage(volume);
    return said.every((bytes) => Math.abs(bytes - counted) <= counted / 20);
  });
  return { saidByServers: said, countedByDu: counted };
}
