// What is left, and who is cut off, when the server is told to end.
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { PlainServer } from '../../support/bst-plain-server.ts';
import { downloadName, randomBlob, uploadName, write } from '../../support/wire.ts';
import type { Denial } from './denial.ts';

const mebibyte = 1024 * 1024;

export const shutdownDenials: Denial[] = [
  {
    name: 'SIGTERM leaves no more of an unfinished upload than its client has sent, where uploads are kept',
    referenceFails: /8388608 bytes are left of 1048576 sent/,
    setting: () => Promise.resolve({ keepsUploads: true }),
    async check(server) {
      const left = await leftOfUnfinishedUpload(server);
      assert.ok(left <= mebibyte, `${left} bytes are left of ${mebibyte} sent`);
    },
  },
  {
    name: 'SIGTERM leaves nothing of an unfinished upload',
    referenceFails: /8388608 bytes are left/,
    async check(server) {
      const left = await leftOfUnfinishedUpload(server);
      assert.equal(left, 0, `${left} bytes are left`);
    },
  },
  {
    name: 'SIGTERM lets a download that is under way come to its end',
    referenceFails: /it was cut off/,
    setting: () => Promise.resolve({ drainSeconds: 50 }),
    async check({ push, pull, terminate }) {
      const blob = randomBlob(64 * mebibyte);
      await write(push, uploadName(blob), blob.data, mebibyte);
      let received = 0;
      let ended: Promise<void> | undefined;
      const request = { resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n };
      try {
        for await (const { data } of pull.bytes.read(request)) {
          received += data.length;
          // Far more than HTTP/2 sends ahead is still on the server when the signal arrives.
          ended ??= terminate();
          if (received === data.length) await sleep(300);
        }
      } catch (error) {
        assert.fail(`it was cut off after ${received} bytes: ${String(error)}`);
      } finally {
        await ended;
      }
      assert.equal(received, blob.data.length);
    },
  },
];

/** Bytes below the folder for uploads after one of 8 MiB got its first MiB and then SIGTERM came. */
async function leftOfUnfinishedUpload({ push, volume, terminate }: PlainServer): Promise<number> {
  const blob = randomBlob(8 * mebibyte);
  const ending = new AbortController();
  async function* messages() {
    const data = blob.data.subarray(0, mebibyte);
    yield { resourceName: uploadName(blob), writeOffset: 0n, finishWrite: false, data };
    await new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
  }
  const upload = push.bytes.write(messages()).catch(() => undefined);
  for (let tries = 0; (await temporaryBytes(volume)) < mebibyte; tries += 1) {
    if (tries === 200) throw new Error('no upload began');
    await sleep(25);
  }
  await terminate();
  ending.abort();
  await upload;
  return temporaryBytes(volume);
}

async function temporaryBytes(volume: string): Promise<number> {
  const folder = join(volume, 'tmp');
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return sizes.reduce((sum, stats) => sum + (stats?.isFile() === true ? stats.size : 0), 0);
}
