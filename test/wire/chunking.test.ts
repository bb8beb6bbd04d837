import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import {
  ChunkingFunction_Value as Chunking,
  type Digest,
  DigestFunction_Value,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { bytesBy, digestBy, type Hashing, splice, split } from '../support/chunk-calls.ts';
import {
  chunkingFiles,
  concatenated,
  cut,
  digestsOf,
  parts,
  pathOf,
  sample,
  sampleLengths,
  store,
} from '../support/chunked-blobs.ts';
import { looksAlways, served } from '../support/served.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { blobOf, type Clients, clientsAt, failure, findMissing, randomBlob } from '../support/wire.ts';

describe('SplitBlob', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site), looksAlways);

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
    await store(push, chunks);
    assert.equal((await failure(splice(pull, whole.digest, digestsOf(chunks)))).status, 'PERMISSION_DENIED');
  });

  for (const [chunking, lengths] of sampleLengths) {
    test(`chunking function ${chunking} cuts a blob where other implementations cut it`, async () => {
      await store(push, [sample]);
      const answer = await split(push, sample.digest, chunking);
      assert.equal(answer.chunkingFunction, chunking);
      assert.deepEqual(answer.chunkDigests, digestsOf(cut(sample, lengths)));
      assert.deepEqual(await concatenated(pull, answer.chunkDigests), Buffer.from(sample.data));
      // It is stored now, and given to those who may only pull.
      assert.deepEqual(await split(pull, sample.digest, chunking), answer);
      assert.deepEqual(await split(push, sample.digest, chunking), answer);
    });
  }

  test('a pull listener gives what is stored, and stores nothing itself', async () => {
    const whole = randomBlob(3_000_000);
    await store(push, [whole]);
    const { status, message } = await failure(split(pull, whole.digest, Chunking.REP_MAX_CDC));
    assert.equal(status, 'NOT_FOUND');
    assert.match(message, /no such chunking of the blob .* read it whole/);
    assert.deepEqual(await chunkingFiles(weir.volume, whole), []);
    const fast = await split(push, whole.digest, Chunking.FAST_CDC_2020);
    assert.equal((await failure(split(pull, whole.digest, Chunking.REP_MAX_CDC))).status, 'NOT_FOUND');
    assert.deepEqual(await split(pull, whole.digest), fast);
    const max = await split(push, whole.digest, Chunking.REP_MAX_CDC);
    assert.equal(max.chunkingFunction, Chunking.REP_MAX_CDC);
    assert.deepEqual(await split(pull, whole.digest, Chunking.REP_MAX_CDC), max);
    assert.deepEqual(await split(pull, whole.digest, Chunking.UNKNOWN), fast);
  });

  test('a blob too small to be cut is its own chunk, on both listeners', async () => {
    for (const size of [1, 1000, 131_072]) {
      const blob = randomBlob(size);
      await store(push, [blob]);
      for (const clients of [pull, push]) {
        for (const chunking of [Chunking.UNKNOWN, Chunking.FAST_CDC_2020, Chunking.REP_MAX_CDC] as const) {
          const { chunkDigests } = await split(clients, blob.digest, chunking);
          assert.deepEqual(chunkDigests, [blob.digest]);
        }
      }
      assert.deepEqual(await chunkingFiles(weir.volume, blob), []);
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

  test('a stored chunking is not given when a chunk has gone; it is computed again where that may be stored', async () => {
    const whole = randomBlob(3_000_000);
    await store(push, [whole]);
    const answer = await split(push, whole.digest);
    const [first] = answer.chunkDigests;
    assert.ok(first);
    await rm(pathOf(weir.volume, first));
    assert.equal((await failure(split(pull, whole.digest))).status, 'NOT_FOUND');
    assert.deepEqual(await split(push, whole.digest), answer);
    assert.deepEqual(await split(pull, whole.digest), answer);
    await rm(pathOf(weir.volume, whole.digest));
    for (const clients of [pull, push]) {
      assert.equal((await failure(split(clients, whole.digest))).status, 'NOT_FOUND');
    }
  });

  test('a chunking that was spoilt on disk, or is that of another blob, is not believed', async () => {
    const [whole, other] = [randomBlob(3_000_000), randomBlob(3_000_000)];
    await store(push, [whole, other]);
    const answer = await split(push, whole.digest);
    await split(push, other.digest);
    const [[file], [otherFile]] = [
      await chunkingFiles(weir.volume, whole),
      await chunkingFiles(weir.volume, other),
    ];
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
    await mkdir(dirname(pathOf(weir.volume, whole.digest)), { recursive: true });
    await writeFile(pathOf(weir.volume, whole.digest), randomBytes(3_000_000));
    assert.equal((await failure(split(push, whole.digest))).status, 'NOT_FOUND');
    assert.deepEqual(await chunkingFiles(weir.volume, whole), []);
  });

  test('an answer renews the lease of the blob and of its chunks', async () => {
    // Without a lease there is nothing to coalesce: each touch writes.
    const own = await startWeir({ volume: weir.volume, env: { LEASE_SECONDS: '0' } });
    const clients = clientsAt(own.pullAddress);
    const whole = randomBlob(3_000_000);
    await store(push, [whole]);
    const { chunkDigests } = await split(push, whole.digest);
    const paths = [whole.digest, ...chunkDigests].map((digest) => pathOf(weir.volume, digest));
    const yesterday = Math.floor(Date.now() / 1000) - 86_400;
    for (const path of paths) await utimes(path, yesterday, yesterday);
    await split(clients, whole.digest);
    for (const path of paths) assert.ok((await stat(path)).mtimeMs > yesterday * 1000);
    clients.close();
    await own.stop();
  });

  test('what makes no sense is refused', async () => {
    const blob = randomBlob(10);
    await store(push, [blob]);
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
    await store(push, blobs);
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
    await store(push, [...chunks, whole, known]);
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
    assert.deepEqual(await chunkingFiles(weir.volume, whole), []);
    assert.deepEqual(await split(clients, known.digest), answer);
    clients.close();
    await full.stop();
  });
});
