import assert from 'node:assert/strict';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { hurt } from '../support/hurt.ts';
import { testWith } from '../support/real-parts.ts';
import { noSmallVolume, smallVolume, type SmallVolume } from '../support/small-volume.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const headRoom = 8 * mebibyte;

testWith('strace')(
  'a folder that a disk quota forbids is a matter of room, for the client too',
  async (t) => {
    const weir = await startWeir();
    t.after(() => weir.stop());
    const clients = clientsAt(weir.pushAddress);
    const tree = sampleTree();
    await putBatch(clients, tree.blobs);
    const update = () =>
      clients.references.updateReference({
        instanceName: '',
        keys: ['new/folders/key'],
        digest: tree.root.digest,
      });
    const strace = await hurt(weir.pid, { calls: ['mkdir', 'mkdirat'], fault: 'error=EDQUOT', when: '1+' });
    const { status, message } = await failure(update());
    await strace.end();
    assert.equal(status, 'RESOURCE_EXHAUSTED');
    assert.match(message, /EDQUOT/);
    await update();
    clients.close();
  },
);

describe('a volume that fills', { skip: noSmallVolume }, () => {
  test('refuses uploads while there is still room, says the numbers, and goes on reading', async () => {
    await withServer(64 * mebibyte, 0, async ({ volume, clients }) => {
      const kept: Blob[] = [];
      const refusal = await untilRefused(clients, kept);
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /no room for \d+ bytes: the volume has \d+ of \d+ bytes free/);
      const { bavail, bsize } = await statfs(volume.path);
      assert.ok(bavail * bsize >= headRoom - mebibyte, `${bavail * bsize} bytes are free`);
      for (const blob of kept)
        assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
    });
  });

  test('refuses the whole batch, which BuildStream takes for skipped', async () => {
    await withServer(64 * mebibyte, 0, async ({ clients }) => {
      await untilRefused(clients, []);
      const blobs = [randomBlob(2 * mebibyte), randomBlob(mebibyte)];
      assert.equal((await failure(putBatch(clients, blobs))).status, 'RESOURCE_EXHAUSTED');
    });
  });

  test('refuses parallel uploads that would overrun it together', async () => {
    await withServer(64 * mebibyte, 0, async ({ volume, clients }) => {
      const attempts = Array.from({ length: 20 }, async () => {
        const blob = randomBlob(8 * mebibyte);
        await write(clients, uploadName(blob), blob.data);
      });
      const refused = (await Promise.allSettled(attempts)).filter(({ status }) => status === 'rejected');
      assert.ok(refused.length >= 13, `${refused.length} of 20 were refused`);
      const { bavail, bsize } = await statfs(volume.path);
      assert.ok(bavail * bsize >= headRoom - mebibyte, `${bavail * bsize} bytes are free`);
    });
  });

  test('takes references still, and uploads again once there is room, without a restart', async () => {
    await withServer(64 * mebibyte, 0, async ({ volume, clients }) => {
      const tree = sampleTree();
      await putBatch(clients, tree.blobs);
      const kept: Blob[] = [];
      await untilRefused(clients, kept);
      await clients.references.updateReference({
        instanceName: '',
        keys: ['a/b/c'],
        digest: tree.root.digest,
      });
      for (const { digest } of kept) {
        await rm(join(volume.path, 'cas', 'objects', digest.hash.slice(0, 2), digest.hash.slice(2)));
      }
      const blob = randomBlob(4 * mebibyte);
      await eventually(async () => (await write(clients, uploadName(blob), blob.data).catch(() => 0n)) > 0n);
    });
  });

  test('refuses uploads before the inodes are used up', async () => {
    await withServer(64 * mebibyte, 1000, async ({ clients }) => {
      let refusal: { status: string; message: string } | undefined;
      for (let count = 0; count < 1000 && refusal === undefined; count++) {
        refusal = await failure(putBatch(clients, [randomBlob(10)])).catch(() => undefined);
      }
      assert.equal(refusal?.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /inodes free/);
    });
  });

  test('serves reads of a read-only volume, refuses uploads with the reason, and recovers', async () => {
    await withServer(64 * mebibyte, 0, async ({ volume, weir, clients }) => {
      const blob = randomBlob(1000);
      const tree = sampleTree();
      await putBatch(clients, [blob, ...tree.blobs]);
      await clients.references.updateReference({
        instanceName: '',
        keys: ['a/b/c'],
        digest: tree.root.digest,
      });
      volume.remount('ro');
      assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
      await clients.references.getReference({ instanceName: '', key: 'a/b/c' });
      const refused = randomBlob(10);
      const { status, message } = await failure(write(clients, uploadName(refused), refused.data));
      assert.equal(status, 'UNAVAILABLE');
      assert.match(message, /read-only/);
      await eventually(async () => (await scrape(weir)).includes('weir_volume_writable 0'));
      const ready = await fetch(`${weir.opsUrl}/readyz`);
      assert.equal(ready.status, 200);
      assert.match(await ready.text(), /read-only/);
      volume.remount('rw');
      await eventually(async () => (await scrape(weir)).includes('weir_volume_writable 1'));
      await putBatch(clients, [randomBlob(10)]);
    });
  });

  test('starts on a read-only volume and serves what is there', async () => {
    const volume = await smallVolume(64 * mebibyte);
    const first = await startWeir({ volume: volume.path, env: { HEAD_ROOM_MIN: '0' } });
    const blob = randomBlob(1000);
    const clients = clientsAt(first.pushAddress);
    await putBatch(clients, [blob]);
    clients.close();
    await first.stop();
    volume.remount('ro');
    const second = await startWeir({ volume: volume.path });
    const reader = clientsAt(second.pullAddress);
    assert.deepEqual(await read(reader, downloadName(blob)), Buffer.from(blob.data));
    reader.close();
    await second.stop();
    await volume.unmount();
  });
});

interface Site {
  volume: SmallVolume;
  weir: Weir;
  clients: Clients;
}

async function withServer(bytes: number, inodes: number, work: (site: Site) => Promise<void>): Promise<void> {
  const volume = await smallVolume(bytes, inodes);
  const weir = await startWeir({ volume: volume.path, env: { HEAD_ROOM_MIN: String(headRoom) } });
  const clients = clientsAt(weir.pushAddress);
  try {
    await work({ volume, weir, clients });
  } finally {
    clients.close();
    await weir.stop();
    await volume.unmount();
  }
}

/** Uploads until one is refused, and says how. */
async function untilRefused(clients: Clients, kept: Blob[]): Promise<{ status: string; message: string }> {
  for (let count = 0; count < 100; count++) {
    const blob = randomBlob(3 * mebibyte);
    const refusal = await failure(write(clients, uploadName(blob), blob.data)).catch(() => undefined);
    if (refusal !== undefined) return refusal;
    kept.push(blob);
  }
  throw new Error('100 uploads were taken, more than the volume can hold');
}

async function scrape(weir: Weir): Promise<string> {
  return await (await fetch(`${weir.opsUrl}/metrics`)).text();
}
