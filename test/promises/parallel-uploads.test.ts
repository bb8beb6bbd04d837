import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { ClientError, Status } from 'nice-grpc';
import { pushInStep } from '../support/lock-step.ts';
import { filesOnDisk } from '../support/overfill-actors.ts';
import { figure } from '../support/promise-size.ts';
import { noSmallVolume, smallVolume } from '../support/small-volume.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, randomBlob } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const blobBytes = 2 * mebibyte;
const uploads = 61;
const quotaBytes = 64 * mebibyte;
/** Nothing that was uploaded can go to make room. */
const settings = { LEASE_SECONDS: '3600' };

void describe('uploads side by side, for half of which there is room', () => {
  for (const [servers, stepBytes] of [
    [1, 64 * 1024],
    [3, 64 * 1024],
    [1, mebibyte],
    [3, mebibyte],
  ] as const) {
    const where = `${serversText(servers)}, ${stepBytes / 1024} KiB at a time`;

    void test(`fill the quota of ${where}`, async (t) => {
      const volume = await mkdtemp(join(tmpdir(), 'weir-parallel-'));
      const clients = await started(t, volume, servers, { ...settings, QUOTA: String(quotaBytes) });
      t.after(() => rm(volume, { recursive: true, maxRetries: 20, retryDelay: 100 }));
      const taken = await takenInStep(clients, stepBytes);
      const used = await filesOnDisk(volume);
      figure(t, { taken, of: quotaBytes / blobBytes, ofQuota: used / quotaBytes });
      assert.ok(taken >= 0.8 * (quotaBytes / blobBytes), `${taken} uploads were taken`);
      // What servers tell each other is no part of the cache: a few small files.
      assert.ok(used <= quotaBytes + mebibyte / 4, `${used} bytes are used of ${quotaBytes}`);
    });

    void test(`fill the disk of ${where}`, { skip: noSmallVolume }, async (t) => {
      const headRoom = 8 * mebibyte;
      const small = await smallVolume(72 * mebibyte);
      const volume = join(small.path, 'cache');
      const clients = await started(t, volume, servers, { ...settings, HEAD_ROOM_MIN: String(headRoom) });
      t.after(() => small.unmount());
      const { bavail, bsize } = await statfs(volume);
      const room = Math.floor((bavail * bsize - headRoom) / blobBytes);
      const taken = await takenInStep(clients, stepBytes);
      const left = await statfs(volume);
      const leftFree = left.bavail * left.bsize;
      figure(t, { taken, of: room, leftFree, headRoom });
      assert.ok(taken >= 0.8 * room, `${taken} uploads were taken, with room for ${room}`);
      // Folders and the pages of the servers need room too.
      assert.ok(leftFree >= headRoom - mebibyte, `${leftFree} bytes are free`);
    });
  }
});

function serversText(count: number): string {
  return count === 1 ? 'a server' : `${count} servers`;
}

/** Servers on one volume, and a client of each; all end with the test, first of what is still to be cleaned up. */
async function started(
  t: TestContext,
  volume: string,
  count: number,
  env: Record<string, string>,
): Promise<Clients[]> {
  const servers: Weir[] = [];
  const clients: Clients[] = [];
  for (let index = 0; index < count; index++) {
    const weir = await startWeir({ volume, env });
    servers.push(weir);
    clients.push(clientsAt(weir.pushAddress));
  }
  t.after(async () => {
    for (const client of clients) client.close();
    for (const weir of servers) await weir.stop();
  });
  return clients;
}

/** How many uploads in step were taken. All others were refused for want of room. */
async function takenInStep(clients: readonly Clients[], stepBytes: number): Promise<number> {
  const blobs = Array.from({ length: uploads }, () => randomBlob(blobBytes));
  let taken = 0;
  for (const outcome of await pushInStep(clients, blobs, stepBytes)) {
    if (outcome.status === 'fulfilled') taken++;
    else
      assert.equal(
        outcome.reason instanceof ClientError && outcome.reason.code,
        Status.RESOURCE_EXHAUSTED,
        String(outcome.reason),
      );
  }
  return taken;
}
