// What has been verified is verified again when its file has changed, by whoever reads or sends it.
import assert from 'node:assert/strict';
import { lstat, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { served, type Served } from '../support/served.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import {
  type Blob,
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

const large = 3_000_000;

void describe('a file that has been verified', () => {
  let site: Served;
  served((it) => (site = it), { http: true });

  const get = async ({ digest }: Blob, headers: Record<string, string> = {}) =>
    await ask('GET', `http://weir/cas/${digest.hash}`, {
      socketPath: join(site.weir.socketsDir, 'pull-http.sock'),
      headers: { 'x-weir-accel': '/volume/', ...headers },
    });
  const isHandedOver = async (blob: Blob) => (await get(blob)).headers['x-accel-redirect'] !== undefined;

  /** A blob that the server has seen to be right. */
  async function verified(): Promise<{ blob: Blob; path: string }> {
    const blob = randomBlob(large);
    await write(site.push, uploadName(blob), blob.data);
    assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
    assert.ok(await isHandedOver(blob), 'the proxy sends it');
    const path = blobFile(site.weir.volume, blob);
    // The clock of file times has ticks of some milliseconds: a later change has to have another time.
    await eventually(async () => Date.now() - (await lstat(path)).ctimeMs > 100);
    return { blob, path };
  }

  /** Changes its last byte, in the same file and of the same size. */
  async function change(path: string): Promise<void> {
    const bytes = await readFile(path);
    bytes[large - 1] = (bytes[large - 1] ?? 0) ^ 1;
    const { ino, birthtimeMs } = await lstat(path);
    await writeFile(path, bytes, { flag: 'r+' });
    const after = await lstat(path);
    assert.deepEqual([after.ino, after.birthtimeMs, after.size], [ino, birthtimeMs, large]);
  }

  test('and was changed in place is not sent by the proxy, nor given out by any other way', async () => {
    for (const headers of [{}, { range: 'bytes=5-9' }, { 'accept-encoding': 'zstd' }]) {
      const { blob, path } = await verified();
      await change(path);
      const answer = await get(blob, headers).catch((error: unknown) => error);
      // Cut off before its last bytes, or refused before its first.
      if (!(answer instanceof Error)) assert.equal((answer as { status: number }).status, 404);
    }
    const { blob, path } = await verified();
    await change(path);
    assert.equal((await failure(read(site.pull, downloadName(blob)))).status, 'NOT_FOUND');
    const part = await verified();
    await change(part.path);
    assert.equal((await failure(read(site.pull, downloadName(part.blob), 5n, 7n))).status, 'NOT_FOUND');
  });

  test('and whose times were set back after the change does not hide it', async () => {
    const { blob, path } = await verified();
    const { atime, mtime } = await lstat(path);
    await change(path);
    await utimes(path, atime, mtime);
    assert.equal((await failure(read(site.pull, downloadName(blob)))).status, 'NOT_FOUND');
  });

  test('and was only touched is looked at once more, and then sent by the proxy again', async () => {
    const { blob, path } = await verified();
    await utimes(path, 1_000_000_000, 1_000_000_000);
    assert.ok(!(await isHandedOver(blob)));
    assert.ok(await isHandedOver(blob));
  });

  test('and is found damaged is missing from then on, and an upload replaces it at once', async () => {
    for (const size of [1000, large]) {
      const blob = randomBlob(size);
      await write(site.push, uploadName(blob), blob.data);
      const path = blobFile(site.weir.volume, blob);
      await writeFile(path, Buffer.alloc(size), { flag: 'r+' });
      assert.deepEqual(await findMissing(site.push, [blob.digest]), [], 'nobody has looked yet');
      assert.equal((await failure(read(site.pull, downloadName(blob)))).status, 'NOT_FOUND');
      assert.deepEqual(await findMissing(site.push, [blob.digest]), [blob.digest.hash]);
      await putBatch(site.push, [blob]);
      assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
      assert.deepEqual(await findMissing(site.push, [blob.digest]), []);
    }
  });

  test('and that nobody knows to be damaged is replaced by an upload too', async () => {
    for (const size of [1000, large]) {
      const blob = randomBlob(size);
      await write(site.push, uploadName(blob), blob.data);
      await writeFile(blobFile(site.weir.volume, blob), Buffer.alloc(size), { flag: 'r+' });
      await write(site.push, uploadName(blob), blob.data);
      assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
    }
  });

  test('and stays as it is where nobody can push, damaged or not', async (t) => {
    const { volume } = site.weir;
    const blob = randomBlob(1000);
    await write(site.push, uploadName(blob), blob.data);
    const path = blobFile(volume, blob);
    await writeFile(path, Buffer.alloc(1000), { flag: 'r+' });
    const pulling = await startWeir({ volume, env: { PUSH_LISTEN: 'none' } });
    const clients = clientsAt(pulling.pullAddress);
    t.after(async () => {
      clients.close();
      await pulling.stop();
    });
    const { ino } = await lstat(path);
    assert.equal((await failure(read(clients, downloadName(blob)))).status, 'NOT_FOUND');
    assert.deepEqual(await findMissing(clients, [blob.digest]), [blob.digest.hash]);
    clients.close();
    await pulling.stop();
    assert.equal((await lstat(path)).ino, ino);
  });
});
