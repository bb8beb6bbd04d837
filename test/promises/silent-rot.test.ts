// What a disk does to a file without a word to anybody: no time of the file changes, and no call fails.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { split } from '../support/chunk-calls.ts';
import { diskImage, noDiskImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/promise-size.ts';
import { findCommand, testWith } from '../support/real-parts.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import {
  clientsAt,
  downloadName,
  failure,
  findMissing,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const test = testWith('disk-images');
const size = 3_000_000;
const leaseSeconds = 3;

/** Flips a bit of the disk below a file's last bytes. The machine may still remember what was there. */
async function rotBelow(path: string, imageFile: string): Promise<void> {
  execFileSync('sync', ['--file-system', path]);
  const at = size - 10;
  const block = 4096;
  const map = execFileSync(findCommand('filefrag') ?? 'filefrag', ['-v', `-b${block}`, path], {
    encoding: 'utf8',
  });
  const extents = [...map.matchAll(/^ *\d+: *(\d+)\.\. *(\d+): *(\d+)\.\./gm)].map((match) =>
    match.slice(1).map(Number),
  );
  const extent = extents.find(([first = 0, last = 0]) => first * block <= at && at < (last + 1) * block);
  assert.ok(extent, map);
  const [first = 0, , physical = 0] = extent;
  const place = (physical - first) * block + at;
  const image = await open(imageFile, 'r+');
  const byte = Buffer.alloc(1);
  await image.read(byte, 0, 1, place);
  await image.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, place);
  await image.close();
}

/** A blob that a server has seen to be right, and that has rotted since, without any trace. */
async function rottedUnnoticed(t: TestContext, env: Record<string, string>) {
  const image = await diskImage({ kind: 'ext4', bytes: 64 * 1024 * 1024 });
  const volume = join(image.path, 'volume');
  const weir = await startWeir({ volume, env });
  const clients = clientsAt(weir.pushAddress);
  t.after(async () => {
    clients.close();
    await weir.stop();
    await image.remove();
  });
  const blob = randomBlob(size);
  const right = Buffer.from(blob.data);
  await write(clients, uploadName(blob), blob.data);
  assert.deepEqual(await read(clients, downloadName(blob)), right);
  const path = blobFile(volume, blob);
  const before = await lstat(path);
  await rotBelow(path, join(dirname(image.path), 'image'));
  const after = await lstat(path);
  assert.deepEqual([after.ctimeMs, after.mtimeMs, after.size], [before.ctimeMs, before.mtimeMs, before.size]);
  await eventually(async () => {
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
    return !(await readFile(path)).equals(right);
  });
  return { clients, blob, right };
}

test('what rots unnoticed is given out no longer than a lease after it was verified', async (t) => {
  if (noDiskImage !== false) return t.skip(noDiskImage);
  const { clients, blob, right } = await rottedUnnoticed(t, { LEASE_SECONDS: `${leaseSeconds}` });
  let given = 0;
  await eventually(async () => {
    const refused = await read(clients, downloadName(blob)).then(
      () => false,
      () => true,
    );
    if (!refused) given++;
    return refused;
  });
  assert.deepEqual(await findMissing(clients, [blob.digest]), [blob.digest.hash]);
  await write(clients, uploadName(blob), blob.data);
  assert.deepEqual(await read(clients, downloadName(blob)), right);
  figure(t, { leaseSeconds, givenBeforeItShowed: given });
});

test('chunks are never those of a blob that has rotted unnoticed', async (t) => {
  if (noDiskImage !== false) return t.skip(noDiskImage);
  const { clients, blob } = await rottedUnnoticed(t, {});
  const { status, message } = await failure(split(clients, blob.digest));
  assert.equal(status, 'NOT_FOUND');
  assert.match(message, /damaged/);
});
