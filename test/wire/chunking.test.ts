import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import {
  ChunkingFunction_Value as Chunking,
  type Digest,
  DigestFunction_Value,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { bytesBy, digestBy, type Hashing, splice, split } from '../support/chunk-calls.ts';
import { xorshiftBytes } from '../support/chunking-samples.ts';
import { eventually } from '../support/eventually.ts';
import { served } from '../support/served.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

/** What the API's own implementations make of the same bytes; see test/fuzz/chunkers.test.ts. */
const sample = blobOf(xorshiftBytes(2463534242, 6_000_001));
const sampleLengths: [chunking: 1 | 2, lengths: number[]][] = [
  [1, [707869, 606504, 613882, 594098, 580220, 732405, 600218, 663816, 595788, 305201]],
  [
    2,
    [
      354030, 336581, 376627, 517695, 471201, 265262, 363710, 331658, 505898, 334392, 339815, 297919, 448138,
      266224, 268645, 522206,
    ],
  ],
];

/** A blob as chunks of these lengths. */
function cut({ data }: Blob, lengths: readonly number[]): Blob[] {
  let at = 0;
  return lengths.map((length) => blobOf(data.subarray(at, (at += length))));
}

/** A blob that is larger than any chunk, in five equal parts. */
function parts(): { whole: Blob; chunks: Blob[] } {
  const whole = randomBlob(2_500_000);
  return { whole, chunks: cut(whole, [500_000, 500_000, 500_000, 500_000, 500_000]) };
}

const digestsOf = (blobs: readonly Blob[]) => blobs.map(({ digest }) => digest);

describe('SplitBlob and SpliceBlob', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  const pathOf = ({ hash }: Digest) => join(weir.volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
  const upload = (blob: Blob) => write(push, uploadName(blob), blob.data);

  async function store(blobs: readonly Blob[]): Promise<void> {
    for (const blob of blobs) await upload(blob);
  }

  async function concatenated(clients: Clients, digests: readonly Digest[]): Promise<Buffer> {
    const data: Buffer[] = [];
    for (const digest of digests) data.push(await read(clients, downloadName({ digest, data: Buffer.of() })));
    return Buffer.concat(data);
  }

  /** The files that say how a blob is cut. */
  async function chunkingFiles({ digest: { hash } }: Blob): Promise<string[]> {
    const root = join(weir.volume, 'weir', 'chunkings');
    const names = await readdir(root, { recursive: true }).catch(() => []);
    return names.filter((name) => name.endsWith(hash)).map((name) => join(root, name));
  }

  test('are advertised with their parameters; splicing only where one may push', async () => {
    for (const [clients, splices] of [
      [pull, false],
      [push, true],
    ] as const) {
      const { cacheCapabilities } = await clients.capabilities.getCapabilities({ instanceName: '' });
      assert.equal(cacheCapabilities?.splitBlobSupport, true);
      assert.equal(cacheCapabilities?.spliceBlobSupport, splices);
      assert.deepEqual(cacheCapabilities?.fastCdc2020Params, { avgChunkSizeBytes: 524_288n, seed: 0 });
      assert.deepEqual(cacheCapabilities?.repMaxCdcParams, {
        minChunkSizeBytes: 262_144n,
        horizonSizeBytes: 2_097_152n,
      });
    }
    const { whole, chunks } = parts();
    await store(chunks);
    assert.equal((await failure(splice(pull, whole.digest, digestsOf(chunks)))).status, 'PERMISSION_DENIED');
  });

  for (const [chunking, lengths] of sampleLengths) {
    test(`chunking function ${chunking} cuts a blob where other implementations cut it`, async () => {
      await upload(sample);
      const answer = await split(push, sample.digest, chunking);
      assert.equal(answer.chunkingFunction, chunking);
      assert.deepEqual(answer.chunkDigests, digestsOf(cut(sample, lengths)));
      assert.deepEqual(await concatenated(pull, answer.chunkDigests), Buffer.from(sample.data));
      // It is stored now, and given to those who may only pull.
      assert.deepEqual(await split(pull, sample.digest, chunking), answer);
      assert.deepEqual(await split(push, sample.digest, chunking), answer);
    });
  }

  test('a pull listener gives what is stored, of another function if need be, and stores nothing itself', async () => {
    const whole = randomBlob(3_000_000);
    await upload(whole);
    const { status, message } = await failure(split(pull, whole.digest, Chunking.REP_MAX_CDC));
    assert.equal(status, 'NOT_FOUND');
    assert.match(message, /no chunking of the blob .* read it whole/);
    assert.deepEqual(await chunkingFiles(whole), []);
    const fast = await split(push, whole.digest, Chunking.FAST_CDC_2020);
    assert.deepEqual(await split(pull, whole.digest, Chunking.REP_MAX_CDC), fast);
    const max = await split(push, whole.digest, Chunking.REP_MAX_CDC);
    assert.equal(max.chunkingFunction, Chunking.REP_MAX_CDC);
    assert.deepEqual(await split(pull, whole.digest, Chunking.REP_MAX_CDC), max);
    assert.deepEqual(await split(pull, whole.digest, Chunking.UNKNOWN), fast);
  });

  test('a blob too small to be cut is its own chunk, on both listeners', async () => {
    for (const size of [1, 1000, 131_072]) {
      const blob = randomBlob(size);
      await upload(blob);
      for (const clients of [pull, push]) {
        for (const chunking of [Chunking.UNKNOWN, Chunking.FAST_CDC_2020, Chunking.REP_MAX_CDC] as const) {
          const { chunkDigests } = await split(clients, blob.digest, chunking);
          assert.deepEqual(chunkDigests, [blob.digest]);
        }
      }
      assert.deepEqual(await chunkingFiles(blob), []);
    }
    assert.equal((await split(pull, blobOf('').digest)).chunkDigests.length, 1);
  });

  test('a blob that is not here cannot be split', async () => {
    for (const clients of [pull, push]) {
      for (const size of [10, 5_000_000]) {
        assert.equal((await failure(split(clients, randomBlob(size).digest))).status, 'NOT_FOUND');
      }
    }
  });

  test('a blob is made of its chunks, under any instance name, and its chunking is kept', async () => {
    for (const [chunking, lengths] of sampleLengths) {
      // Of the sample: only of that the lengths are known. Without its blob and what the tests before made of it.
      await rm(pathOf(sample.digest), { force: true });
      for (const file of await chunkingFiles(sample)) await rm(file);
      const chunks = cut(sample, lengths);
      await store(chunks);
      const answer = await splice(push, sample.digest, digestsOf(chunks), {
        chunking,
        instanceName: 'main/a',
      });
      assert.deepEqual(answer.blobDigest, sample.digest);
      assert.deepEqual(await read(pull, downloadName(sample)), Buffer.from(sample.data));
      const found = await split(pull, sample.digest, chunking, { instanceName: 'b' });
      assert.deepEqual(found, { chunkDigests: digestsOf(chunks), chunkingFunction: chunking });
      await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 0);
    }
  });

  test('cuts that are not where the named function puts them are kept as nobody’s', async () => {
    const { whole, chunks } = parts();
    await store(chunks);
    await splice(push, whole.digest, digestsOf(chunks), { chunking: Chunking.FAST_CDC_2020 });
    const found = await split(pull, whole.digest, Chunking.FAST_CDC_2020);
    assert.deepEqual(found, { chunkDigests: digestsOf(chunks), chunkingFunction: Chunking.UNKNOWN });
    // Asked for by name where it can be computed, it is.
    const fast = await split(push, whole.digest, Chunking.FAST_CDC_2020);
    assert.equal(fast.chunkingFunction, Chunking.FAST_CDC_2020);
    assert.notDeepEqual(fast.chunkDigests, found.chunkDigests);
    assert.deepEqual(await concatenated(pull, fast.chunkDigests), Buffer.from(whole.data));
  });

  test('chunks may repeat, be empty, and be the whole', async () => {
    const chunk = randomBlob(1_000_000);
    const whole = blobOf(Buffer.concat([chunk.data, chunk.data, chunk.data]));
    await store([chunk, blobOf('')]);
    await splice(push, whole.digest, digestsOf([chunk, blobOf(''), chunk, chunk]));
    assert.deepEqual(await read(pull, downloadName(whole)), Buffer.from(whole.data));
    await splice(push, chunk.digest, [chunk.digest]);
    await splice(push, blobOf('').digest, []);
    await splice(push, whole.digest, digestsOf([chunk, chunk, chunk]));
    assert.deepEqual((await split(pull, whole.digest)).chunkDigests, digestsOf([chunk, chunk, chunk]));
  });

  test('nothing is made of chunks when one is missing or of another size', async () => {
    const { whole, chunks } = parts();
    await store(chunks.slice(1));
    const { status, message } = await failure(splice(push, whole.digest, digestsOf(chunks)));
    assert.equal(status, 'NOT_FOUND');
    assert.match(message, new RegExp(`1 of the chunks are not here.*${chunks[0]?.digest.hash}.*upload`));
    await store(chunks);
    const [first, second, ...rest] = digestsOf(chunks);
    assert.ok(first && second);
    const claims = [{ ...first, sizeBytes: 499_999n }, { ...second, sizeBytes: 500_001n }, ...rest];
    assert.equal((await failure(splice(push, whole.digest, claims))).status, 'NOT_FOUND');
    assert.deepEqual(await findMissing(pull, [whole.digest]), [whole.digest.hash]);
  });

  test('chunks that are another blob are refused, and leave nothing behind', async () => {
    const { whole, chunks } = parts();
    await store(chunks);
    const [first, second, ...rest] = digestsOf(chunks);
    assert.ok(first && second);
    const lists: [list: Digest[], message: RegExp][] = [
      [[second, first, ...rest], /the chunks, one after the other, are not the blob/],
      [[first, first, ...rest], /the chunks, one after the other, are not the blob/],
      [[first, ...rest], /the chunks have 2000000 bytes together/],
      [[first, second, ...rest, first], /the chunks have 3000000 bytes together/],
      [[], /the chunks have 0 bytes together/],
      [Array.from({ length: 30_001 }, () => blobOf('').digest), /30000 are the most/],
    ];
    for (const [list, expected] of lists) {
      const { status, message } = await failure(splice(push, whole.digest, list));
      assert.equal(status, 'INVALID_ARGUMENT');
      assert.match(message, expected);
    }
    assert.deepEqual(await findMissing(pull, [whole.digest]), [whole.digest.hash]);
    assert.deepEqual(await chunkingFiles(whole), []);
    await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 0);
  });

  test('a blob that is here already gets no chunking that is not its own', async () => {
    const { whole, chunks } = parts();
    await store([whole, ...chunks]);
    const [first, second, ...rest] = digestsOf(chunks);
    assert.ok(first && second);
    for (const chunking of [Chunking.UNKNOWN, Chunking.FAST_CDC_2020, Chunking.REP_MAX_CDC] as const) {
      const { status } = await failure(splice(push, whole.digest, [second, first, ...rest], { chunking }));
      assert.equal(status, 'INVALID_ARGUMENT');
    }
    assert.equal((await failure(split(pull, whole.digest))).status, 'NOT_FOUND');
    await splice(push, whole.digest, digestsOf(chunks));
    assert.deepEqual((await split(pull, whole.digest)).chunkDigests, digestsOf(chunks));
  });

  test('a damaged chunk is not spliced', async () => {
    const { whole, chunks } = parts();
    await store(chunks);
    const [, second] = chunks;
    assert.ok(second);
    await writeFile(pathOf(second.digest), randomBytes(500_000));
    assert.equal((await failure(splice(push, whole.digest, digestsOf(chunks)))).status, 'NOT_FOUND');
    assert.deepEqual(await findMissing(pull, [whole.digest]), [whole.digest.hash]);
  });

  test('a stored chunking is not given when a chunk has gone; it is computed again where that may be stored', async () => {
    const whole = randomBlob(3_000_000);
    await upload(whole);
    const answer = await split(push, whole.digest);
    const [first] = answer.chunkDigests;
    assert.ok(first);
    await rm(pathOf(first));
    assert.equal((await failure(split(pull, whole.digest))).status, 'NOT_FOUND');
    assert.deepEqual(await split(push, whole.digest), answer);
    assert.deepEqual(await split(pull, whole.digest), answer);
    await rm(pathOf(whole.digest));
    for (const clients of [pull, push]) {
      assert.equal((await failure(split(clients, whole.digest))).status, 'NOT_FOUND');
    }
  });

  test('a chunking that was spoilt on disk, or is that of another blob, is not believed', async () => {
    const [whole, other] = [randomBlob(3_000_000), randomBlob(3_000_000)];
    await store([whole, other]);
    const answer = await split(push, whole.digest);
    await split(push, other.digest);
    const [[file], [otherFile]] = [await chunkingFiles(whole), await chunkingFiles(other)];
    assert.ok(file !== undefined && otherFile !== undefined);
    const good = await readFile(file);
    const flipped = Buffer.from(good);
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    for (const bad of [
      flipped,
      good.subarray(0, good.length - 1),
      Buffer.alloc(0),
      await readFile(otherFile),
    ]) {
      await writeFile(file, bad);
      assert.equal((await failure(split(pull, whole.digest))).status, 'NOT_FOUND');
    }
    assert.deepEqual(await split(push, whole.digest), answer);
    assert.deepEqual(await readFile(file), good);
  });

  test('a damaged blob is not split', async () => {
    const whole = randomBlob(3_000_000);
    await mkdir(dirname(pathOf(whole.digest)), { recursive: true });
    await writeFile(pathOf(whole.digest), randomBytes(3_000_000));
    assert.equal((await failure(split(push, whole.digest))).status, 'NOT_FOUND');
    assert.deepEqual(await chunkingFiles(whole), []);
  });

  test('an answer renews the lease of the blob and of its chunks', async () => {
    // Without a lease there is nothing to coalesce: each touch writes.
    const own = await startWeir({ volume: weir.volume, env: { LEASE_SECONDS: '0' } });
    const clients = clientsAt(own.pullAddress);
    const whole = randomBlob(3_000_000);
    await upload(whole);
    const { chunkDigests } = await split(push, whole.digest);
    const paths = [whole.digest, ...chunkDigests].map(pathOf);
    const yesterday = Math.floor(Date.now() / 1000) - 86_400;
    for (const path of paths) await utimes(path, yesterday, yesterday);
    await split(clients, whole.digest);
    for (const path of paths) assert.ok((await stat(path)).mtimeMs > yesterday * 1000);
    clients.close();
    await own.stop();
  });

  test('what makes no sense is refused', async () => {
    const blob = randomBlob(10);
    await upload(blob);
    const { digest } = blob;
    const calls = [
      () => split(push, digest, 9 as 0),
      () => splice(push, digest, [digest], { chunking: 9 as 0 }),
      () => split(push, undefined),
      () => splice(push, undefined, [digest]),
      () => split(push, { ...digest, hash: '../../../../etc/passwd' }),
      () => splice(push, digest, [{ ...digest, hash: 'aa/etc/passwd' }]),
      () => splice(push, digest, [{ hash: 'a'.repeat(128), sizeBytes: 10n }]),
      () => split(push, digest, 0, { instanceName: '../a' }),
      () => split(push, digest, 0, { digestFunction: DigestFunction_Value.MD5 }),
      () => splice(push, digest, [digest], { instanceName: 'blobs' }),
    ];
    for (const call of calls) assert.equal((await failure(call())).status, 'INVALID_ARGUMENT');
  });

  test('chunks have the digest function of their blob', async () => {
    for (const hashing of ['sha1', 'sha384', 'sha512', 'blake3'] satisfies Hashing[]) {
      const data = randomBytes(2_000_000);
      const [digest, digestFunction] = await digestBy(hashing, data);
      const chunks = [data.subarray(0, 900_000), data.subarray(900_000)];
      const digests: Digest[] = [];
      for (const chunk of chunks) {
        const [chunkDigest] = await digestBy(hashing, chunk);
        digests.push(chunkDigest);
        const request = { digest: chunkDigest, data: chunk, compressor: 0 as const };
        await push.cas.batchUpdateBlobs({ instanceName: '', requests: [request], digestFunction });
      }
      assert.deepEqual((await splice(push, digest, digests, { digestFunction })).blobDigest, digest);
      assert.deepEqual(await bytesBy(pull, hashing, [digest]), data);
      for (const chunking of [Chunking.FAST_CDC_2020, Chunking.REP_MAX_CDC] as const) {
        const { chunkDigests } = await split(push, digest, chunking, { digestFunction });
        assert.ok(chunkDigests.length > 1);
        assert.deepEqual(await bytesBy(pull, hashing, chunkDigests), data);
        const again = await split(pull, digest, chunking, { digestFunction });
        assert.deepEqual(again.chunkDigests, chunkDigests);
      }
    }
  });

  test('many calls at once are all answered, and those that hang up are in nobody’s way', async () => {
    const blobs = Array.from({ length: 6 }, () => randomBlob(1_500_000));
    await store(blobs);
    const hangUp = new AbortController();
    const given = blobs.flatMap(({ digest }) => [
      split(push, digest, Chunking.FAST_CDC_2020, {}, hangUp.signal).catch(() => undefined),
      split(push, digest, Chunking.REP_MAX_CDC, {}, hangUp.signal).catch(() => undefined),
    ]);
    const kept = blobs.flatMap(({ digest }) => [
      split(push, digest, Chunking.FAST_CDC_2020),
      split(push, digest, Chunking.FAST_CDC_2020),
      split(push, digest, Chunking.REP_MAX_CDC),
    ]);
    hangUp.abort();
    await Promise.all(given);
    for (const [index, { chunkDigests }] of (await Promise.all(kept)).entries()) {
      const whole = blobs[Math.floor(index / 3)];
      assert.deepEqual(await concatenated(pull, chunkDigests), Buffer.from(whole?.data ?? []));
    }
  });

  test('without room nothing is split or spliced, and what is stored is still given', async () => {
    const { whole: spliced, chunks } = parts();
    const [whole, known] = [randomBlob(3_000_000), randomBlob(3_000_000)];
    await store([...chunks, whole, known]);
    const answer = await split(push, known.digest);
    const full = await startWeir({
      volume: weir.volume,
      env: { HEAD_ROOM_MIN: '1e15', HEAD_ROOM_MAX: '2e15' },
    });
    const clients = clientsAt(full.pushAddress);
    assert.equal((await failure(split(clients, whole.digest))).status, 'RESOURCE_EXHAUSTED');
    const refused = await failure(splice(clients, spliced.digest, digestsOf(chunks)));
    assert.equal(refused.status, 'RESOURCE_EXHAUSTED');
    assert.deepEqual(await findMissing(pull, [spliced.digest]), [spliced.digest.hash]);
    assert.deepEqual(await chunkingFiles(whole), []);
    assert.deepEqual(await split(clients, known.digest), answer);
    clients.close();
    await full.stop();
  });
});
