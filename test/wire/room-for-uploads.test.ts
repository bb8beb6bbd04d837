import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { type Beginning, type BegunUploads, beginUploads } from '../support/begun-uploads.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const quota = 40 * mebibyte;
const first = { firstBytes: 64 * 1024 };

interface Site {
  readonly weir: Weir;
  readonly clients: Clients;
  /** Ended with the server, when the test has not done it. */
  readonly begin: (blobs: readonly Blob[], beginning: Beginning) => Promise<BegunUploads>;
}

/** A server that can remove nothing. */
async function withServer(work: (site: Site) => Promise<void>): Promise<void> {
  const env = { LEASE_SECONDS: '3600', QUOTA: String(quota) };
  const weir = await startWeir({ env, tcp: true, http: true });
  const clients = clientsAt(weir.pushAddress);
  const begun: BegunUploads[] = [];
  const begin = async (blobs: readonly Blob[], beginning: Beginning) => {
    const uploads = await beginUploads(clients, weir.volume, blobs, beginning);
    begun.push(uploads);
    return uploads;
  };
  try {
    await work({ weir, clients, begin });
  } finally {
    for (const uploads of begun) await uploads.breakOff();
    clients.close();
    await weir.stop();
  }
}

function blobsOf(count: number, bytes: number): Blob[] {
  return Array.from({ length: count }, () => randomBlob(bytes));
}

async function upload(clients: Clients, blob: Blob): Promise<void> {
  await write(clients, uploadName(blob), blob.data);
}

async function upTo(clients: Clients, count: number, bytes: number): Promise<void> {
  for (const blob of blobsOf(count, bytes)) await upload(clients, blob);
}

void describe('room that an upload has been promised', () => {
  void test('is not taken by what is larger, in an upload or in a batch, and is there to the end', async () => {
    await withServer(async ({ clients, begin }) => {
      await upTo(clients, 7, 5 * mebibyte);
      const slow = await begin([randomBlob(3 * mebibyte)], { ...first, thenBytes: 32 * 1024 });
      // Of the 5 MiB that were left, 3 are promised.
      const large = randomBlob(4 * mebibyte);
      const refusal = await failure(upload(clients, large));
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /counting \d+ bytes that uploads under way have still to write/);
      const batch = putBatch(clients, [randomBlob(3.5 * mebibyte)]);
      assert.equal((await failure(batch)).status, 'RESOURCE_EXHAUSTED');
      assert.equal(slow.ended(), 0);
      await slow.finish();
      // What is just being measured may count twice for a moment.
      await eventually(() =>
        upload(clients, randomBlob(mebibyte)).then(
          () => true,
          () => false,
        ),
      );
    });
  });

  void test('keeps out neither what is smaller nor, for long, anybody when its client stands still', async () => {
    await withServer(async ({ clients, begin }) => {
      const large = await begin([randomBlob(38 * mebibyte)], first);
      await Promise.all(blobsOf(8, mebibyte).map((blob) => upload(clients, blob)));
      await putBatch(clients, blobsOf(3, mebibyte));
      // Room for all of these, and some more: what is just being measured may count twice for a moment.
      const many = await begin(blobsOf(11, 2 * mebibyte), first);
      for (const blob of blobsOf(10, 2 * mebibyte))
        await eventually(() =>
          upload(clients, blob).then(
            () => true,
            () => false,
          ),
        );
      assert.deepEqual([large.ended(), many.ended()], [0, 0]);
    });
  });

  void test('is not needed by uploads that announce no size: these go last', async () => {
    await withServer(async ({ weir, clients, begin }) => {
      const put = async (blob: Blob) =>
        await ask('PUT', `${weir.pushUrl}/cas/${blob.digest.hash}`, {
          body: blob.data,
          headers: { 'transfer-encoding': 'chunked' },
        });
      const zstd = async (blob: Blob) =>
        await write(
          clients,
          uploadName(blob).replace('/blobs/', '/compressed-blobs/zstd/'),
          zstdCompressSync(blob.data),
        );
      const [one, another] = blobsOf(2, 2 * mebibyte) as [Blob, Blob];
      assert.equal((await put(one)).status, 200);
      await zstd(another);
      assert.deepEqual(await findMissing(clients, [one.digest, another.digest]), []);
      const large = await begin([randomBlob(34 * mebibyte)], { ...first, thenBytes: 300 * 1024 });
      assert.equal((await put(randomBlob(4 * mebibyte))).status, 507);
      await zstd(randomBlob(mebibyte));
      await large.breakOff();
      assert.equal((await put(randomBlob(4 * mebibyte))).status, 200);
    });
  });
});

void describe('what is kept of an upload that stopped', () => {
  void test('counts as used', async () => {
    await withServer(async ({ weir, clients, begin }) => {
      await (await begin([randomBlob(30 * mebibyte)], { firstBytes: 4 * mebibyte })).breakOff();
      await eventually(async () => (await keptUploads(weir)).length === 1);
      const used = await scraped(weir.opsUrl, 'weir_used_bytes');
      assert.ok(used >= 4 * mebibyte, `${used} bytes are used`);
      await upload(clients, randomBlob(100));
    });
  });

  void test('goes before an upload is refused, the oldest first', async () => {
    await withServer(async ({ weir, clients, begin }) => {
      for (let count = 0; count < 3; count++)
        await (await begin([randomBlob(30 * mebibyte)], { firstBytes: 4 * mebibyte })).breakOff();
      await eventually(async () => (await keptUploads(weir)).length === 3);
      const kept = await keptUploads(weir);
      // What is just being measured may count twice until it is measured again.
      const store = async (mebibytes: number, used: number) => {
        await upload(clients, randomBlob(mebibytes * mebibyte));
        await eventually(
          async () => (await scraped(weir.opsUrl, 'weir_used_bytes')) < (used + 0.1) * mebibyte,
        );
      };
      for (const used of [16, 20, 24, 28, 32, 36]) await store(4, used);
      await store(2, 38);
      assert.deepEqual(await keptUploads(weir), kept);
      for (const left of [2, 1, 0]) {
        await store(2.5, 36.5);
        const names = await keptUploads(weir);
        assert.ok(
          names.length === left && names.every((name) => kept.includes(name)),
          `${names.length} are left`,
        );
        await store(1.5, 38);
      }
      assert.equal((await failure(upload(clients, randomBlob(3 * mebibyte)))).status, 'RESOURCE_EXHAUSTED');
    });
  });

  void test('is not given up for its own client, which is refused and may come again', async () => {
    await withServer(async ({ weir, clients, begin }) => {
      const blob = randomBlob(20 * mebibyte);
      const name = uploadName(blob);
      await (await begin([blob], { firstBytes: 4 * mebibyte, name })).breakOff();
      await eventually(async () => (await keptUploads(weir)).length === 1);
      await upTo(clients, 6, 4 * mebibyte);
      const rest = async function* () {
        const writeOffset = BigInt(4 * mebibyte);
        yield {
          resourceName: name,
          writeOffset,
          finishWrite: false,
          data: blob.data.subarray(4 * mebibyte, 5 * mebibyte),
        };
      };
      assert.equal((await failure(clients.bytes.write(rest()))).status, 'RESOURCE_EXHAUSTED');
      const { committedSize } = await clients.bytes.queryWriteStatus({ resourceName: name });
      assert.equal(committedSize, BigInt(4 * mebibyte));
    });
  });
});

async function keptUploads({ volume }: Weir): Promise<string[]> {
  return (await readdir(join(volume, 'tmp'))).filter((name) => name.startsWith('weir-kept-'));
}
