import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { diskImage, noDiskImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import {
  expectBytes,
  type FailingSite,
  leftovers,
  updateActionResult,
  updateReference,
  upload,
  uploadBatch,
  withFailingSite,
} from '../support/failing-site.ts';
import { figure } from '../support/promise-size.ts';
import { testWith } from '../support/real-parts.ts';
import { smallVolume } from '../support/small-volume.ts';
import { failure, randomBlob, uploadName, write } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const volumeBytes = 64 * mebibyte;
const testOnImages = testWith('disk-images');
/** What a client sends that does not read first. */
const writers = { upload, uploadBatch, updateReference, updateActionResult };

interface Mounted {
  readonly path: string;
  remount(mode: 'ro' | 'rw'): void;
  remove(): Promise<void>;
}

const kinds: Record<string, () => Promise<Mounted>> = {
  ext4: () => diskImage({ kind: 'ext4', bytes: volumeBytes }),
  async tmpfs() {
    const volume = await smallVolume(volumeBytes);
    return { path: volume.path, remount: (mode) => volume.remount(mode), remove: () => volume.unmount() };
  },
};

void describe('a volume that fails', { skip: noDiskImage }, () => {
  for (const [kind, mounted] of Object.entries(kinds)) {
    testOnImages(`refuses uploads with the numbers on a full ${kind}, and recovers`, async (t) => {
      await onVolume(await mounted(), async (site) => {
        const foreign = join(site.weir.volume, 'somebody-elses');
        await fill(foreign);
        for (const work of [upload, uploadBatch]) {
          const { status, message } = await failure(work(site));
          assert.equal(status, 'RESOURCE_EXHAUSTED', message);
          assert.match(message, /\d+ of \d+ bytes/);
        }
        await site.expectAllReadable();
        await rm(foreign);
        figure(t, { kind, what: 'no space', ...(await recovery(site)) });
      });
    });

    testOnImages(`ends an upload in order that finds a ${kind} full in the middle`, async (t) => {
      await onVolume(await mounted(), async (site) => {
        const foreign = join(site.weir.volume, 'somebody-elses');
        const blob = randomBlob(12 * mebibyte);
        const sending = async function* () {
          const half = 6 * mebibyte;
          const resourceName = uploadName(blob);
          yield { resourceName, writeOffset: 0n, finishWrite: false, data: blob.data.subarray(0, half) };
          // Not before the first half is written: the next call is then the one that has no room.
          const begun = join(site.weir.volume, 'tmp');
          await eventually(async () => (await sizes(begun)) >= half);
          await fill(foreign);
          yield {
            resourceName,
            writeOffset: BigInt(half),
            finishWrite: true,
            data: blob.data.subarray(half),
          };
        };
        const { status, message } = await failure(site.clients.bytes.write(sending()));
        assert.equal(status, 'RESOURCE_EXHAUSTED', message);
        assert.match(message, /\d+ of \d+ bytes/);
        await site.expectAllReadable();
        await rm(foreign);
        figure(t, { kind, what: 'no space in the middle', message, ...(await recovery(site)) });
      });
    });

    testOnImages(`serves a ${kind} that becomes read-only, says so, and recovers`, async (t) => {
      const volume = await mounted();
      await onVolume(volume, async (site) => {
        await remounted(volume, 'ro');
        for (const [name, work] of Object.entries(writers)) {
          const { status, message } = await failure(work(site)).catch((error: unknown) => {
            throw new Error(`${name}: ${String(error)}`);
          });
          assert.equal(status, 'UNAVAILABLE', `${name}: ${message}`);
          assert.match(message, /read-only/);
        }
        await site.expectAllReadable();
        await eventually(async () => /^weir_volume_writable 0$/m.test(await ops(site, 'metrics')));
        assert.match(await ops(site, 'readyz'), /read-only/);
        await remounted(volume, 'rw');
        figure(t, { kind, what: 'read-only', ...(await recovery(site)) });
        await eventually(async () => /^weir_volume_writable 1$/m.test(await ops(site, 'metrics')));
      });
    });
  }

  testOnImages('refuses uploads without inodes, and recovers', async (t) => {
    await onVolume(await diskImage({ kind: 'ext4', bytes: volumeBytes, inodes: 1024 }), async (site) => {
      const foreign = join(site.weir.volume, 'somebody-elses');
      await mkdir(foreign);
      await assert.rejects(
        async () => {
          for (let count = 0; ; count++) await writeFile(join(foreign, `${count}`), '');
        },
        { code: 'ENOSPC' },
      );
      for (const work of [upload, uploadBatch]) {
        const { status, message } = await failure(work(site));
        assert.equal(status, 'RESOURCE_EXHAUSTED', message);
        assert.match(message, /\d+ of \d+ inodes/);
      }
      await site.expectAllReadable();
      await rm(foreign, { recursive: true });
      figure(t, { what: 'no inodes', ...(await recovery(site)) });
    });
  });

  testOnImages('lives on when the disk is gone, and refuses everything that needs it', async () => {
    const image = await diskImage({ kind: 'ext4', bytes: volumeBytes });
    await onVolume(
      image,
      async (site) => {
        image.cutPower();
        for (const work of [upload, uploadBatch]) {
          const { status, message } = await failure(work(site));
          assert.equal(status, 'UNAVAILABLE', message);
        }
        await eventually(async () => /^weir_volume_writable 0$/m.test(await ops(site, 'metrics')));
        // It cannot take back that it runs.
      },
      false,
    );
  });

  testOnImages('says that everything is leased where that is what stands against an upload', async () => {
    const volume = await mkdtemp(join(tmpdir(), 'weir-leased-'));
    await withFailingSite(volume, { QUOTA: String(16 * mebibyte), LEASE_SECONDS: '3600' }, async (site) => {
      let refusal: { status: string; message: string } | undefined;
      while (refusal === undefined) {
        const blob = randomBlob(2 * mebibyte);
        refusal = await failure(write(site.clients, uploadName(blob), blob.data)).catch(() => undefined);
      }
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /\d+ of the 16777216 bytes of the quota are used/);
      assert.match(refusal.message, /Everything on the volume is leased \(LEASE_SECONDS\)/);
    });
    await rm(volume, { recursive: true });
  });
});

async function onVolume(
  volume: Mounted,
  work: (site: FailingSite) => Promise<void>,
  endsInOrder = true,
): Promise<void> {
  try {
    await withFailingSite(volume.path, {}, work, endsInOrder);
  } finally {
    await volume.remove();
  }
}

/** As many bytes as there is room for. */
async function fill(path: string): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for (const size of [mebibyte, 4096]) {
      const bytes = Buffer.alloc(size, 1);
      await assert.rejects(
        async () => {
          for (;;) if ((await handle.write(bytes)).bytesWritten < size) await handle.write(bytes);
        },
        { code: 'ENOSPC' },
      );
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that is open for writing at that instant, as one is now and then, keeps a volume writable: then once more. */
async function remounted(volume: Mounted, mode: 'ro' | 'rw'): Promise<void> {
  await eventually(() => {
    try {
      volume.remount(mode);
      return true;
    } catch (error) {
      if (String(error).includes('busy')) return false;
      throw error;
    }
  });
}

/** How long it takes until an upload is taken again, and that all is well then. */
async function recovery(site: FailingSite): Promise<{ recoveredAfterMs: number }> {
  const begun = performance.now();
  await eventually(
    async () =>
      await upload(site).then(
        () => true,
        () => false,
      ),
  );
  const recoveredAfterMs = Math.round(performance.now() - begun);
  for (const work of Object.values(writers)) {
    const { blobs } = await work(site);
    for (const blob of blobs) await expectBytes(site.clients, blob);
  }
  await site.expectAllReadable();
  await eventually(async () => (await leftovers(site)).length === 0);
  return { recoveredAfterMs };
}

async function ops({ weir }: FailingSite, page: string): Promise<string> {
  return await (await fetch(`${weir.opsUrl}/${page}`)).text();
}

async function sizes(folder: string): Promise<number> {
  const names = await readdir(folder);
  const stats = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return stats.reduce((sum, one) => sum + (one?.size ?? 0), 0);
}
