import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskImage, type DiskImage, noDiskImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';
import { scraped } from '../support/scraped.ts';
import { undoneAfter } from '../support/undone.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, putBatch, randomBlob } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const settings = {
  LEASE_SECONDS: '0',
  HEAD_ROOM_MIN: String(4 * mebibyte),
  HEAD_ROOM_MAX: String(12 * mebibyte),
  // As it is where nothing is said.
  BALLAST_BYTES: '',
};

async function withServer(
  image: DiskImage,
  env: Record<string, string>,
  work: (weir: Weir, clients: Clients) => Promise<void>,
): Promise<void> {
  const weir = await startWeir({ volume: join(image.path, 'volume'), env });
  const clients = clientsAt(weir.pushAddress);
  try {
    await work(weir, clients);
  } finally {
    clients.close();
    await weir.stop();
  }
}

async function blocksOf(path: string): Promise<number> {
  return await lstat(path).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}

/** Takes every block there is, as somebody else may who uses the same disk, until not even a folder can be made. */
function fill(path: string): string {
  const folder = join(path, 'filler');
  mkdirSync(folder);
  const file = openSync(join(folder, 'bytes'), 'w');
  for (const size of [mebibyte, 4096]) {
    const bytes = Buffer.alloc(size, 1);
    while (fits(() => writeSync(file, bytes)));
  }
  closeSync(file);
  for (let count = 0; fits(() => mkdirSync(join(folder, `${count}`))); count++);
  return folder;
}

function fits(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
    return false;
  }
}

for (const { kind, bytes } of [
  { kind: 'ext4', bytes: 96 * mebibyte },
  { kind: 'xfs', bytes: 320 * mebibyte },
] as const) {
  testWith('disk-images')(
    `a full ${kind} volume is evicted from, because the ballast goes, and gets it back`,
    async (t) => {
      if (noDiskImage !== false) return t.skip(noDiskImage);
      const image = await diskImage({ kind, bytes });
      t.after(() => image.remove());
      await withServer(image, settings, async (weir, clients) => {
        const ballast = join(weir.volume, 'weir', 'ballast');
        await eventually(async () => (await blocksOf(ballast)) >= bytes / 200);
        assert.ok((await blocksOf(ballast)) <= bytes / 100);
        await eventually(async () => (await scraped(weir.opsUrl, 'weir_ballast_bytes')) > 0);
        for (let count = 0; count < 10; count++) await putBatch(clients, [randomBlob(2 * mebibyte)]);
        const filler = fill(image.path);
        await eventually(async () => (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
        assert.match(weir.output(), /the volume was completely full: its ballast was given up/);
        await rm(filler, { recursive: true });
        await eventually(async () => (await blocksOf(ballast)) >= bytes / 200);
      });
    },
  );
}

void test('no ballast is made where none is wanted, and one that is there goes', async (t) => {
  const undone = undoneAfter(t);
  const first = await startWeir({ env: { BALLAST_BYTES: '1e6' } });
  undone(() => first.stop());
  const ballast = join(first.volume, 'weir', 'ballast');
  await eventually(async () => (await blocksOf(ballast)) >= 1e6);
  await first.kill();
  const second = await startWeir({ volume: first.volume, env: { BALLAST_BYTES: '0' } });
  undone(() => second.stop());
  await eventually(async () => (await blocksOf(ballast)) === 0);
});
