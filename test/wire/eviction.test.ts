import assert from 'node:assert/strict';
import { mkdir, readdir, rename, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { noSmallVolume, smallVolume } from '../support/small-volume.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const volumeBytes = 96 * mebibyte;
/** Nothing is promised for longer than it takes to say so, and room is made between 16 and 48 MiB. */
const settings = {
  LEASE_SECONDS: '0',
  HEAD_ROOM_MIN: String(16 * mebibyte),
  HEAD_ROOM_MAX: String(48 * mebibyte),
};

describe('eviction', { skip: noSmallVolume }, () => {
  test('removes what was used longest ago, and keeps what was used since', async () => {
    await withServer(settings, async ({ path, clients, opsUrl }) => {
      const old = await fill(clients, 14);
      const used = await fill(clients, 5);
      for (const [index, blob] of [...used, ...old].entries()) {
        const time = Date.now() / 1000 - 10_000 + (index < 5 ? 0 : -1000 * index);
        await utimes(blobFile(path, blob), time, time);
      }
      await findMissing(
        clients,
        used.map(({ digest }) => digest),
      );
      const missing = async () => await absent(path, old);
      // The last uploads take the volume below the point where room is made.
      await fill(clients, 6);
      await eventually(async () => (await missing()).length > 0);
      await eventually(async () => (await readdir(join(path, 'weir', 'trash'))).length === 0);
      assert.deepEqual(await absent(path, used), [], 'what was used since is still here');
      const { bavail, bsize } = await statfs(path);
      assert.ok(bavail * bsize >= 40 * mebibyte, `${bavail * bsize} bytes are free`);
      const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
      assert.match(metrics, /^weir_evicted_blobs_total [1-9]/m);
      assert.match(metrics, /^weir_eviction_age_seconds [1-9]\d{3}/m);
    });
  });

  test('lets uploads of several times the volume go on, and never fills it', async () => {
    await withServer(settings, async ({ path, clients }) => {
      for (let count = 0; count < 60; count++) {
        const blob = randomBlob(4 * mebibyte);
        // BuildStream would take the refusal for "skipped"; this client wants it stored.
        await eventually(
          async () => (await write(clients, uploadName(blob), blob.data).catch(() => 0n)) > 0n,
        );
        const { bavail, bsize } = await statfs(path);
        assert.ok(bavail * bsize >= 15 * mebibyte, `${bavail * bsize} bytes are free`);
        assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
      }
    });
  });

  test('spares what is leased, and uploads are refused instead', async () => {
    // Shorter than any machine is up when this runs: after a start of the machine nothing is evicted for a lease.
    await withServer({ ...settings, LEASE_SECONDS: '90' }, async ({ path, clients, output }) => {
      const kept: Blob[] = [];
      let refusal: { status: string } | undefined;
      while (refusal === undefined) {
        const blob = randomBlob(4 * mebibyte);
        refusal = await failure(write(clients, uploadName(blob), blob.data)).catch(() => undefined);
        if (refusal === undefined) kept.push(blob);
      }
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      await eventually(() => output().includes('everything else was used too recently'));
      assert.deepEqual(await absent(path, kept), []);
    });
  });

  test('is not for a server where nobody can push', async () => {
    await withServer({ ...settings, PUSH_LISTEN: 'none' }, async ({ path, volume }) => {
      const filler = await startWeir({ volume, env: { HEAD_ROOM_MIN: '1000', LEASE_SECONDS: '3600' } });
      const clients = clientsAt(filler.pushAddress);
      // So many that a server with a push listener would make room.
      const blobs = await fill(clients, 25);
      clients.close();
      await filler.stop();
      await new Promise((resolve) => setTimeout(resolve, 8000));
      assert.deepEqual(await absent(path, blobs), []);
    });
  });
});

describe('a blob in the trash', () => {
  test('can be read, and goes back to its place when somebody asks whether it is here', async (t) => {
    const weir = await startWeir();
    const clients = clientsAt(weir.pushAddress);
    t.after(async () => {
      clients.close();
      await weir.stop();
    });
    for (const size of [1000, 2 * mebibyte]) {
      const blob = randomBlob(size);
      await putBatch(clients, [blob]);
      const run = join(weir.volume, 'weir', 'trash', `run-${size}`);
      await mkdir(run);
      await rename(blobFile(weir.volume, blob), join(run, blob.digest.hash));
      assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
      assert.deepEqual(await findMissing(clients, [blob.digest]), []);
      await stat(blobFile(weir.volume, blob));
    }
  });
});

interface Site {
  path: string;
  volume: string;
  clients: Clients;
  opsUrl: string;
  output: () => string;
}

async function withServer(env: Record<string, string>, work: (site: Site) => Promise<void>): Promise<void> {
  const volume = await smallVolume(volumeBytes);
  const weir = await startWeir({ volume: volume.path, env });
  const clients = clientsAt(weir.pushAddress);
  try {
    await work({
      path: volume.path,
      volume: volume.path,
      clients,
      opsUrl: weir.opsUrl,
      output: () => weir.output(),
    });
  } finally {
    clients.close();
    await weir.stop();
    await volume.unmount();
  }
}

async function fill(clients: Clients, count: number): Promise<Blob[]> {
  const blobs = Array.from({ length: count }, () => randomBlob(3 * mebibyte));
  for (const blob of blobs) await putBatch(clients, [blob]);
  return blobs;
}

async function absent(volume: string, blobs: readonly Blob[]): Promise<string[]> {
  const looks = blobs.map(async (blob) =>
    (await stat(blobFile(volume, blob)).catch(() => undefined)) ? [] : [blob.digest.hash],
  );
  return (await Promise.all(looks)).flat();
}
