import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  ChunkingFunction_Value as Chunking,
  type Digest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { splice, split } from '../support/chunk-calls.ts';
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
import { eventually } from '../support/eventually.ts';
import { served } from '../support/served.ts';
import { type Weir } from '../support/weir.ts';
import {
  blobOf,
  type Clients,
  downloadName,
  failure,
  findMissing,
  randomBlob,
  read,
} from '../support/wire.ts';

describe('SpliceBlob', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  test('a blob is made of its chunks, under any instance name, and its chunking is kept', async () => {
    for (const [chunking, lengths] of sampleLengths) {
      // Of the sample: only of that the lengths are known. Without its blob and what the tests before made of it.
      await rm(pathOf(weir.volume, sample.digest), { force: true });
      for (const file of await chunkingFiles(weir.volume, sample)) await rm(file);
      const chunks = cut(sample, lengths);
      await store(push, chunks);
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
    await store(push, chunks);
    await splice(push, whole.digest, digestsOf(chunks), { chunking: Chunking.FAST_CDC_2020 });
    // Clients check what they get against the bounds of the function that they name.
    assert.equal((await failure(split(pull, whole.digest, Chunking.FAST_CDC_2020))).status, 'NOT_FOUND');
    const found = await split(pull, whole.digest);
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
    await store(push, [chunk, blobOf('')]);
    await splice(push, whole.digest, digestsOf([chunk, blobOf(''), chunk, chunk]));
    assert.deepEqual(await read(pull, downloadName(whole)), Buffer.from(whole.data));
    // Empty ones add nothing; clients that are given one stop there.
    assert.deepEqual((await split(pull, whole.digest)).chunkDigests, digestsOf([chunk, chunk, chunk]));
    await splice(push, chunk.digest, [chunk.digest]);
    await splice(push, blobOf('').digest, []);
    await splice(push, whole.digest, digestsOf([chunk, chunk, chunk]));
    assert.deepEqual((await split(pull, whole.digest)).chunkDigests, digestsOf([chunk, chunk, chunk]));
  });

  test('nothing is made of chunks when one is missing or of another size', async () => {
    const { whole, chunks } = parts();
    await store(push, chunks.slice(1));
    const { status, message } = await failure(splice(push, whole.digest, digestsOf(chunks)));
    assert.equal(status, 'NOT_FOUND');
    assert.match(message, new RegExp(`1 of the chunks are not here.*${chunks[0]?.digest.hash}.*upload`));
    await store(push, chunks);
    const [first, second, ...rest] = digestsOf(chunks);
    assert.ok(first && second);
    const claims = [{ ...first, sizeBytes: 499_999n }, { ...second, sizeBytes: 500_001n }, ...rest];
    assert.equal((await failure(splice(push, whole.digest, claims))).status, 'NOT_FOUND');
    assert.deepEqual(await findMissing(pull, [whole.digest]), [whole.digest.hash]);
  });

  test('chunks that are another blob are refused, and leave nothing behind', async () => {
    const { whole, chunks } = parts();
    await store(push, chunks);
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
    assert.deepEqual(await chunkingFiles(weir.volume, whole), []);
    await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 0);
  });

  test('a blob that is here already gets no chunking that is not its own', async () => {
    const { whole, chunks } = parts();
    await store(push, [whole, ...chunks]);
    const [first, second, ...rest] = digestsOf(chunks);
    assert.ok(first && second);
    for (const chunking of [Chunking.UNKNOWN, Chunking.FAST_CDC_2020, Chunking.REP_MAX_CDC] as const) {
      const { status } = await failure(splice(push, whole.digest, [second, first, ...rest], { chunking }));
      assert.equal(status, 'INVALID_ARGUMENT');
    }
    const alike = randomBlob(2_500_000);
    await store(push, [alike]);
    assert.equal((await failure(splice(push, whole.digest, [alike.digest]))).status, 'INVALID_ARGUMENT');
    assert.equal((await failure(split(pull, whole.digest))).status, 'NOT_FOUND');
    await splice(push, whole.digest, digestsOf(chunks));
    assert.deepEqual((await split(pull, whole.digest)).chunkDigests, digestsOf(chunks));
  });

  test('a damaged chunk is not spliced', async () => {
    const { whole, chunks } = parts();
    await store(push, chunks);
    const [, second] = chunks;
    assert.ok(second);
    await writeFile(pathOf(weir.volume, second.digest), randomBytes(500_000));
    assert.equal((await failure(splice(push, whole.digest, digestsOf(chunks)))).status, 'NOT_FOUND');
    assert.deepEqual(await findMissing(pull, [whole.digest]), [whole.digest.hash]);
    // What had been put together by then is gone.
    await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 0);
  });
});
