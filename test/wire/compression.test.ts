import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { constants, createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { zstdCompressed, zstdDecompressed } from '../../src/core/zstd.ts';
import { Compressor_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, served } from '../support/served.ts';
import {
  type Blob,
  blobOf,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
  writeRequests,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;

/** Half of it repeats, half does not. */
function mixedBlob(size: number): Blob {
  return blobOf(Buffer.concat([Buffer.alloc(size / 2, 'abc'), randomBytes(size / 2)]));
}

const zstdName = (blob: Blob) => downloadName(blob).replace('blobs/', 'compressed-blobs/zstd/');
const zstdUpload = (blob: Blob, uuid?: string) =>
  uploadName(blob, '', uuid).replace('/blobs/', '/compressed-blobs/zstd/');

/** A frame that says nothing of its content's size, so that a decoder makes room for the whole window. */
async function withWindow(data: Uint8Array, windowLog: number): Promise<Buffer> {
  const compressing = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  compressing.write(data.subarray(0, 1));
  compressing.end(data.subarray(1));
  return await buffer(compressing);
}

void describe('zstd', () => {
  let site: Served;
  served((it) => (site = it));

  async function batchUpdate(
    blob: Blob,
    data: Uint8Array,
    compressor: Compressor_Value = Compressor_Value.ZSTD,
  ) {
    const { responses } = await site.push.cas.batchUpdateBlobs({
      instanceName: '',
      requests: [{ digest: blob.digest, data, compressor }],
      digestFunction: 0,
    });
    return responses[0]?.status;
  }

  async function batchRead(blob: Blob, acceptableCompressors: Compressor_Value[]) {
    const request = {
      instanceName: '',
      digests: [blob.digest],
      acceptableCompressors,
      digestFunction: 0 as const,
    };
    return (await site.pull.cas.batchReadBlobs(request)).responses[0];
  }

  void test('is advertised for streams and batches', async () => {
    const { cacheCapabilities } = await site.pull.capabilities.getCapabilities({ instanceName: '' });
    assert.deepEqual(cacheCapabilities?.supportedCompressors, [Compressor_Value.ZSTD]);
    assert.deepEqual(cacheCapabilities?.supportedBatchUpdateCompressors, [Compressor_Value.ZSTD]);
  });

  for (const size of [2, 1000, 300_000, 5 * mebibyte]) {
    void test(`streams blobs of ${size} bytes both ways, for clients that compress and clients that do not`, async () => {
      const [sentZstd, sentPlain] = [mixedBlob(size), mixedBlob(size)];
      const compressed = zstdCompressSync(sentZstd.data);
      const committed = await write(site.push, zstdUpload(sentZstd), compressed, 100_000);
      assert.equal(committed, BigInt(compressed.length));
      await write(site.push, uploadName(sentPlain), sentPlain.data);
      for (const blob of [sentZstd, sentPlain]) {
        assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
        assert.deepEqual(zstdDecompressSync(await read(site.pull, zstdName(blob))), Buffer.from(blob.data));
      }
    });
  }

  void test('sends fewer bytes than there are', async () => {
    const blob = blobOf(Buffer.alloc(3 * mebibyte, 'abc'));
    await write(site.push, zstdUpload(blob), zstdCompressSync(blob.data));
    assert.ok((await read(site.pull, zstdName(blob))).length < blob.data.length / 100);
  });

  void test('compresses into the same memory again, and leaves a piece as it is until the one after the next', async () => {
    // Nothing comes out of a small piece but of every sixth.
    const small = Array.from({ length: 50 }, () => randomBytes(20_000));
    const source = [...Array.from({ length: 8 }, () => mixedBlob(mebibyte).data), ...small];
    const seen = new Set<ArrayBufferLike>();
    const [frames, pieces]: [Buffer[], Uint8Array[]] = [[], []];
    for await (const piece of zstdCompressed(Readable.from(source))) {
      const before = pieces.shift();
      if (before !== undefined) frames.push(Buffer.from(before));
      pieces.push(piece);
      seen.add(piece.buffer);
    }
    const whole = Buffer.concat([...frames, ...pieces]);
    assert.ok(zstdDecompressSync(whole).equals(Buffer.concat(source)));
    assert.equal(seen.size, 2);
  });

  void test('reads from an offset in the bytes of the blob itself', async () => {
    const blob = mixedBlob(2 * mebibyte);
    await putBatch(site.push, [blob]);
    const part = zstdDecompressSync(await read(site.pull, zstdName(blob), 1_500_000n));
    assert.deepEqual(part, Buffer.from(blob.data).subarray(1_500_000));
    assert.equal(zstdDecompressSync(await read(site.pull, zstdName(blob), blob.digest.sizeBytes)).length, 0);
    const behind = await failure(read(site.pull, zstdName(blob), blob.digest.sizeBytes + 1n));
    assert.equal(behind.status, 'OUT_OF_RANGE');
    const limited = await failure(read(site.pull, zstdName(blob), 0n, 10n));
    assert.equal(limited.status, 'INVALID_ARGUMENT');
  });

  void test('takes and gives the blob of no bytes', async () => {
    const blob = blobOf('');
    assert.equal(await write(site.push, zstdUpload(blob), zstdCompressSync(blob.data)), -1n);
    assert.equal(zstdDecompressSync(await read(site.pull, zstdName(blob))).length, 0);
  });

  void test('answers -1 at once to an upload of what is here', async () => {
    const blob = mixedBlob(mebibyte);
    await putBatch(site.push, [blob]);
    assert.equal(await write(site.push, zstdUpload(blob), zstdCompressSync(blob.data), 1000), -1n);
  });

  void test('goes on with an upload that broke, from the bytes of the blob that were received', async () => {
    const blob = mixedBlob(4 * mebibyte);
    const name = zstdUpload(blob);
    const half = 2 * mebibyte;
    await site.push.bytes.write(unfinished(name, zstdCompressSync(blob.data.subarray(0, half))));
    const { committedSize } = await site.push.bytes.queryWriteStatus({ resourceName: name });
    assert.equal(committedSize, BigInt(half));
    const rest = zstdCompressSync(blob.data.subarray(half));
    const requests = writeRequests(name, rest, 100_000);
    const committed = await site.push.bytes.write(shifted(requests, committedSize));
    assert.equal(committed.committedSize, BigInt(half + rest.length));
    assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
  });

  void test('compresses blobs of a batch where that is asked for and saves something', async () => {
    const [repeating, random] = [blobOf(Buffer.alloc(100_000, 'x')), randomBlob(1000)];
    await putBatch(site.push, [repeating, random]);
    const asked = await batchRead(repeating, [Compressor_Value.ZSTD]);
    assert.equal(asked?.compressor, Compressor_Value.ZSTD);
    assert.deepEqual(zstdDecompressSync(asked?.data ?? ''), Buffer.from(repeating.data));
    for (const answer of [
      await batchRead(random, [Compressor_Value.ZSTD]),
      await batchRead(repeating, []),
      await batchRead(repeating, [Compressor_Value.DEFLATE]),
    ]) {
      assert.equal(answer?.compressor, Compressor_Value.IDENTITY);
      assert.equal(BigInt(answer?.data.length ?? 0), answer?.digest?.sizeBytes);
    }
  });

  void test('stores compressed blobs of a batch', async () => {
    for (const blob of [mixedBlob(1000), mixedBlob(mebibyte), blobOf(Buffer.alloc(3 * mebibyte))]) {
      assert.equal((await batchUpdate(blob, zstdCompressSync(blob.data)))?.code, 0);
      assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
    }
  });

  const wrongBytes: [what: string, compressed: (blob: Blob) => Uint8Array | Promise<Uint8Array>][] = [
    ['of another blob', ({ data }) => zstdCompressSync(randomBytes(data.length))],
    ['of one byte too many', ({ data }) => zstdCompressSync(Buffer.concat([data, Buffer.from('x')]))],
    ['that end too early', ({ data }) => zstdCompressSync(data).subarray(0, -10)],
    ['of which there are none', () => new Uint8Array()],
    ['that are no zstd stream', ({ data }) => data],
    ['with a window of 16 MiB', async ({ data }) => await withWindow(data, 24)],
  ];
  for (const [what, compressed] of wrongBytes) {
    void test(`refuses bytes ${what}, and counts them`, async () => {
      const before = await scraped(site.weir.opsUrl, 'weir_upload_mismatches_total');
      const blob = mixedBlob(200_000);
      assert.equal((await batchUpdate(blob, await compressed(blob)))?.code, 9);
      const upload = await failure(write(site.push, zstdUpload(blob), await compressed(blob)));
      assert.equal(upload.status, 'FAILED_PRECONDITION');
      assert.match(upload.message, /nothing was stored/);
      assert.deepEqual(await findMissing(site.pull, [blob.digest]), [blob.digest.hash]);
      assert.equal(await scraped(site.weir.opsUrl, 'weir_upload_mismatches_total'), before + 2);
    });
  }

  void test('refuses bytes that go on behind their frame, wherever the messages are cut', async () => {
    const blob = mixedBlob(3000);
    const sent = Buffer.concat([zstdCompressSync(blob.data.subarray(0, 2000)), Buffer.alloc(500, 'more')]);
    for (const chunk of [1, 70, 600, 1000, sent.length]) {
      const { status, message } = await failure(write(site.push, zstdUpload(blob), sent, chunk));
      assert.equal(status, 'FAILED_PRECONDITION', message);
      assert.match(message, /nothing was stored/);
    }
    assert.doesNotMatch(site.weir.output(), /"level":"error"/);
  });

  void test('takes bytes of several frames, wherever the messages are cut', async () => {
    for (const chunk of [1, 70, 600, 1000, 1_000_000]) {
      const blob = mixedBlob(3000);
      const parts = [blob.data.subarray(0, 1700), blob.data.subarray(1700, 1700), blob.data.subarray(1700)];
      const frames = Buffer.concat(parts.map((part) => zstdCompressSync(part)));
      await write(site.push, zstdUpload(blob), frames, chunk);
      assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
      const other = mixedBlob(3000);
      const halves = [other.data.subarray(0, 1500), other.data.subarray(1500)];
      const status = await batchUpdate(other, Buffer.concat(halves.map((half) => zstdCompressSync(half))));
      assert.equal(status?.code, 0, status?.message);
      assert.deepEqual(await read(site.pull, downloadName(other)), Buffer.from(other.data));
    }
  });

  void test('lets others have their turn while it decodes what gives nothing', async () => {
    const frames = Buffer.alloc(8 * mebibyte, zstdCompressSync(new Uint8Array()));
    const whole = frames.subarray(0, frames.length - (frames.length % 9));
    let turns = 0;
    const turn = () => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    for await (const piece of zstdDecompressed(Readable.from([whole], { objectMode: true })))
      assert.equal(piece.length, 0);
    clearImmediate(next);
    // Of a fraction of a second in all.
    assert.ok(turns > 50, `${turns} turns`);
  });

  void test('takes several frames that are more together than a decoder gives at once', async () => {
    const blob = mixedBlob(2 * mebibyte);
    const half = blob.data.length / 2;
    const frames = [blob.data.subarray(0, half), blob.data.subarray(half)].map((part) =>
      zstdCompressSync(part),
    );
    const status = await batchUpdate(blob, Buffer.concat(frames));
    assert.equal(status?.code, 0, status?.message);
    const other = mixedBlob(3 * mebibyte);
    await write(site.push, zstdUpload(other), zstdCompressSync(other.data), mebibyte);
    assert.deepEqual(await read(site.pull, downloadName(other)), Buffer.from(other.data));
  });

  void test('takes bytes with a window of 8 MiB', async () => {
    const blob = mixedBlob(200_000);
    assert.equal((await batchUpdate(blob, await withWindow(blob.data, 23)))?.code, 0);
  });

  void test('unpacks no more of a bomb than the digest announces', async () => {
    const blob = mixedBlob(200_000);
    const bomb = zstdCompressSync(Buffer.alloc(64 * mebibyte));
    const status = await batchUpdate(blob, bomb);
    const upload = await failure(write(site.push, zstdUpload(blob), bomb));
    for (const message of [status?.message, upload.message]) {
      assert.match(message ?? '', /^more than the 200000 bytes that the digest announces/);
    }
  });

  void test('refuses other compressors, of a batch before anything of it is stored', async () => {
    const blob = randomBlob(10);
    const batch = await failure(batchUpdate(blob, blob.data, Compressor_Value.DEFLATE));
    assert.equal(batch.status, 'INVALID_ARGUMENT');
    assert.match(batch.message, /ZSTD/);
    const name = downloadName(blob).replace('blobs/', 'compressed-blobs/deflate/');
    assert.equal((await failure(read(site.pull, name))).status, 'UNIMPLEMENTED');
  });

  void test('never ends the stream of a blob that is damaged', async () => {
    const blob = mixedBlob(3 * mebibyte);
    await putBatch(site.push, [blob]);
    const { hash } = blob.digest;
    const path = join(site.weir.volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(path, bytes);
    assert.equal((await failure(read(site.pull, zstdName(blob)))).status, 'NOT_FOUND');
  });

  void test('serves more streams at once than it has decoders for, and readers that hang up leave theirs to others', async () => {
    const blob = mixedBlob(2 * mebibyte);
    await putBatch(site.push, [blob]);
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 70 }, async () => {
          const reading = site.pull.bytes.read({
            resourceName: zstdName(blob),
            readOffset: 0n,
            readLimit: 0n,
          });
          for await (const { data } of reading) {
            assert.ok(data.length > 0);
            return;
          }
        }),
      );
    }
    // Readings of many at once use memory again for pieces that others may still be compressing.
    const wholes = await Promise.all(Array.from({ length: 70 }, () => read(site.pull, zstdName(blob))));
    for (const whole of wholes) assert.ok(zstdDecompressSync(whole).equals(blob.data));
    await eventually(async () => (await scraped(site.weir.opsUrl, 'weir_calls_in_flight')) === 0);
  });
});

async function* unfinished(resourceName: string, data: Uint8Array) {
  yield await Promise.resolve({ resourceName, writeOffset: 0n, finishWrite: false, data });
}

async function* shifted(requests: ReturnType<typeof writeRequests>, by: bigint) {
  for await (const request of requests) yield { ...request, writeOffset: request.writeOffset + by };
}
