import assert from 'node:assert/strict';
import { lstat, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { layoutOf } from '../../src/store/layout.ts';
import { emptyQuarantine } from '../../src/store/quarantine.ts';
import { eventually } from '../support/eventually.ts';
import { blobFile, exists, quarantinedFile } from '../support/volume-damage.ts';
import { startWeir, type Weir, type WeirOptions } from '../support/weir.ts';
import {
  type Blob,
  clientsAt,
  downloadName,
  failure,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const day = 24 * 3_600_000;

/** A server whose quarantine gets blobs one after the other. */
async function quarantining(t: TestContext, options: WeirOptions) {
  const weir = await startWeir(options);
  const clients = clientsAt(weir.pushAddress);
  t.after(async () => {
    clients.close();
    await weir.stop();
  });
  return {
    weir,
    setAside: async (blob: Blob) => {
      await write(clients, uploadName(blob), blob.data);
      const file = blobFile(weir.volume, blob);
      await writeFile(file, Buffer.alloc(blob.data.length));
      assert.equal((await failure(read(clients, downloadName(blob)))).status, 'NOT_FOUND');
      await eventually(async () => !(await exists(file)));
      // The clock of file times has ticks: what comes next has to be younger.
      const { ctimeMs } = await lstat(quarantinedFile(weir.volume, blob));
      await eventually(() => Date.now() - ctimeMs > 100);
    },
  };
}

const quarantine = async ({ volume }: Weir) => await readdir(join(volume, 'weir', 'quarantine'));

void test('of damaged blobs no more are kept than a hundredth of the room, the last ones', async (t) => {
  const volume = await mkdtemp(join(tmpdir(), 'weir-quarantine-'));
  t.after(() => rm(volume, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const options = { volume, env: { QUOTA: '1e8' } };
  const { weir, setAside } = await quarantining(t, options);
  const blobs = [randomBlob(600_000), randomBlob(600_000), randomBlob(300_000)] as const;
  for (const blob of blobs) await setAside(blob);
  await weir.stop();
  // A server looks into the quarantine when it starts, and now and then.
  await quarantining(t, options);
  await eventually(async () => (await quarantine(weir)).length === 2);
  const kept = new Set(await quarantine(weir));
  assert.deepEqual(kept, new Set(blobs.slice(1).map(({ digest }) => digest.hash)));
});

void test('what was set aside a week ago is removed, and nothing that nobody of us put there', async (t) => {
  const { weir, setAside } = await quarantining(t, {});
  const blob = randomBlob(1000);
  await setAside(blob);
  const path = quarantinedFile(weir.volume, blob);
  assert.deepEqual(await readFile(path), Buffer.alloc(1000), 'somebody can look at it');
  await utimes(path, 1, 1);
  const note = join(weir.volume, 'weir', 'quarantine', 'README');
  await writeFile(note, 'of somebody');
  const bounds = { ageMs: 7 * day, bytes: 1e9 };
  const layout = layoutOf(weir.volume);
  const { ctimeMs } = await lstat(path);
  const sixDays = await emptyQuarantine(layout, bounds, () => ctimeMs + 6 * day);
  assert.deepEqual([sixDays.blobs, await exists(path)], [0, true]);
  const eightDays = await emptyQuarantine(layout, bounds, () => ctimeMs + 8 * day);
  assert.deepEqual([eightDays.blobs, await exists(path), await exists(note)], [1, false, true]);
});
