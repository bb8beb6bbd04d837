// Many blobs that are not here are told by their folders, once those were asked for many of them in vain.
import assert from 'node:assert/strict';
import { rename, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { failingCalls } from '../support/failing-calls.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { testWith } from '../support/real-parts.ts';
import { blobFile } from '../support/volume-damage.ts';
import { type Blob, type Clients, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const blobsOf = (count: number) => Array.from({ length: count }, () => randomBlob(100));
const digestsOf = (blobs: readonly Blob[]) => blobs.map(({ digest }) => digest);
const hashesOf = (blobs: readonly Blob[]) => blobs.map(({ digest }) => digest.hash);

/** Asked for until their folders have been listed: those are left alone for a second after they were changed. */
async function askOften(clients: Clients, absent: readonly Blob[]): Promise<void> {
  await sleep(1500);
  for (let round = 0; round < 10; round++)
    assert.deepEqual(await findMissing(clients, digestsOf(absent)), hashesOf(absent));
}

testWith('strace')('absent blobs of folders that have not changed need no look at each', async (t) => {
  const volume = await freshVolume(t);
  const [present, absent] = [blobsOf(500), blobsOf(5000)];
  await withServerOn(volume, {}, async (clients) => await putBatch(clients, present));
  await withServerOn(volume, {}, async (clients, { pid }) => {
    await askOften(clients, absent);
    const looked = await failingCalls(pid, ['statx', 'newfstatat', 'lstat'], undefined, /cas\/objects\//);
    const missing = await findMissing(clients, digestsOf([...absent, ...present]));
    const { counts } = await looked.end();
    assert.deepEqual(missing, hashesOf(absent));
    const looks = Math.max(0, ...counts.values());
    // 256 folders, what is there, and few that look as if they might be.
    assert.ok(looks >= present.length, `${looks} looks`);
    assert.ok(looks < 1500, `${looks} looks for ${absent.length} absent and ${present.length} present blobs`);
  });
});

test('what another server stores is found at once, though its folder was listed', async (t) => {
  const volume = await freshVolume(t);
  const both = (work: (here: Clients, there: Clients) => Promise<void>) =>
    withServerOn(volume, {}, (here) => withServerOn(volume, {}, (there) => work(here, there)));
  await both(async (here, there) => {
    await putBatch(there, blobsOf(100));
    const absent = blobsOf(4000);
    await askOften(here, absent);
    for (const blob of absent.slice(0, 300)) {
      await putBatch(there, [blob]);
      const missing = await findMissing(here, digestsOf(absent.slice(0, 400)));
      assert.ok(!missing.includes(blob.digest.hash), `${blob.digest.hash} was stored, and is missing`);
    }
    const left = absent.slice(300);
    await askOften(here, left);
    assert.deepEqual(await findMissing(here, digestsOf(absent)), hashesOf(left));
  });
});

test('what somebody puts into a folder is found at once, whatever times they give the folder', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => {
    const absent = blobsOf(4000);
    await askOften(clients, absent);
    const [copied] = absent;
    assert.ok(copied);
    const [beside, path] = [join(volume, 'copied'), blobFile(volume, copied)];
    const { atime, mtime } = await stat(dirname(path));
    await writeFile(beside, copied.data);
    await rename(beside, path);
    await utimes(dirname(path), atime, mtime);
    const missing = await findMissing(clients, digestsOf(absent));
    assert.deepEqual(missing, hashesOf(absent.slice(1)));
  });
});
