import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { GetTreeResponse } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { served } from '../support/served.ts';
import { directoryBlob, sampleTree } from '../support/trees.ts';
import { eventually } from '../support/eventually.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';

const maxBatch = 4 * 1024 * 1024 - 128 * 1024;

describe('ContentAddressableStorage', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  const pathOf = (blob: Blob) => blobFile(weir.volume, blob);
  const readBatch = async (clients: Clients, blobs: readonly Blob[]) => {
    const digests = blobs.map(({ digest }) => digest);
    return (
      await clients.cas.batchReadBlobs({
        instanceName: '',
        digests,
        acceptableCompressors: [],
        digestFunction: 0,
      })
    ).responses;
  };

  test('stores a batch and reads it back, each blob with its own status', async () => {
    const blobs = [randomBlob(1), randomBlob(500), blobOf('')];
    const absent = randomBlob(20);
    await putBatch(push, blobs);
    const responses = await readBatch(pull, [...blobs, absent]);
    assert.deepEqual(
      responses.map(({ status }) => status?.code),
      [0, 0, 0, 5],
    );
    assert.deepEqual(
      responses.slice(0, 3).map(({ data }) => Buffer.from(data)),
      blobs.map(({ data }) => Buffer.from(data)),
    );
  });

  test('writes blobs as BuildStream lays them out', async () => {
    const blob = randomBlob(100);
    await putBatch(push, [blob]);
    assert.deepEqual(await readFile(pathOf(blob)), Buffer.from(blob.data));
    assert.deepEqual(await readdir(join(weir.volume, 'tmp')), []);
  });

  test('says which digests are missing, each once and in order', async () => {
    const [here, first, second] = [randomBlob(10), randomBlob(11), randomBlob(12)];
    await putBatch(push, [here]);
    const asked = [first, here, second, first, here, blobOf('')].map(({ digest }) => digest);
    assert.deepEqual(await findMissing(pull, asked), [first.digest.hash, second.digest.hash]);
  });

  test('knows the same blobs under every instance name', async () => {
    const blob = randomBlob(10);
    await putBatch(push, [blob]);
    assert.deepEqual(await findMissing(pull, [blob.digest], 'main/some/instance'), []);
  });

  test('calls a blob of another size missing, and keeps it', async () => {
    const blob = randomBlob(1000);
    await putBatch(push, [blob]);
    const wrong = { hash: blob.digest.hash, sizeBytes: 999n };
    assert.deepEqual(await findMissing(pull, [wrong]), [blob.digest.hash]);
    assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
  });

  test('renews the lease of what it calls present, and of nothing else', async () => {
    // Without a lease there is nothing to coalesce: each touch writes.
    const own = await startWeir({ volume: weir.volume, env: { LEASE_SECONDS: '0' } });
    const clients = clientsAt(own.pullAddress);
    const blob = randomBlob(10);
    await putBatch(push, [blob]);
    const yesterday = Math.floor(Date.now() / 1000) - 86_400;
    await utimes(pathOf(blob), yesterday, yesterday);
    await findMissing(clients, [{ hash: blob.digest.hash, sizeBytes: 9n }]);
    assert.equal((await stat(pathOf(blob))).mtimeMs, yesterday * 1000);
    await findMissing(clients, [blob.digest]);
    assert.ok((await stat(pathOf(blob))).mtimeMs > yesterday * 1000);
    clients.close();
    await own.stop();
  });

  test('heals a truncated blob by a new upload', async () => {
    const blob = randomBlob(1000);
    await putBatch(push, [blob]);
    await truncate(pathOf(blob), 10);
    assert.deepEqual(await findMissing(pull, [blob.digest]), [blob.digest.hash]);
    assert.equal((await failure(read(pull, downloadName(blob)))).status, 'NOT_FOUND');
    await putBatch(push, [blob]);
    assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
  });

  test('keeps what heals a truncated blob, however soon it comes after the look that found it missing', async () => {
    const blobs = Array.from({ length: 300 }, () => randomBlob(20_000));
    await putBatch(push, blobs.slice(0, 150));
    await putBatch(push, blobs.slice(150));
    const healed = blobs.map(async (blob) => {
      await truncate(pathOf(blob), 19_999);
      assert.deepEqual(await findMissing(pull, [blob.digest]), [blob.digest.hash]);
      await putBatch(push, [blob]);
    });
    await Promise.all(healed);
    // What moves damaged files away has had its time by then.
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(
      await findMissing(
        pull,
        blobs.map(({ digest }) => digest),
      ),
      [],
    );
    assert.deepEqual(await readdir(join(weir.volume, 'weir', 'quarantine')), []);
  });

  for (const size of [1000, 3_000_000]) {
    test(`never gives out a damaged blob of ${size} bytes whole, sets it aside, and takes it anew`, async () => {
      const own = await startWeir();
      const clients = clientsAt(own.pushAddress);
      const blob = randomBlob(size);
      const path = join(
        own.volume,
        'cas',
        'objects',
        blob.digest.hash.slice(0, 2),
        blob.digest.hash.slice(2),
      );
      const damaged = Buffer.from(blob.data);
      damaged[size - 5] = (damaged[size - 5] ?? 0) ^ 1;
      await writeFile(path, damaged);
      const [batched] = await readBatch(clients, [blob]);
      assert.equal(batched?.status?.code, 5);
      assert.equal((await failure(read(clients, downloadName(blob)))).status, 'NOT_FOUND');
      await eventually(async () =>
        (await readdir(join(own.volume, 'weir', 'quarantine'))).includes(blob.digest.hash),
      );
      assert.deepEqual(await findMissing(clients, [blob.digest]), [blob.digest.hash]);
      if (size < maxBatch) await putBatch(clients, [blob]);
      assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
      clients.close();
      await own.stop();
    });
  }

  test('goes on when folders of the volume vanish', async () => {
    const blob = randomBlob(10);
    await rm(join(weir.volume, 'cas', 'objects', blob.digest.hash.slice(0, 2)), { recursive: true });
    assert.deepEqual(await findMissing(pull, [blob.digest]), [blob.digest.hash]);
    await putBatch(push, [blob]);
    assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
  });

  test('refuses one wrong blob of a batch and stores the others', async () => {
    const [good, bad] = [randomBlob(100), randomBlob(100)];
    const requests = [
      { digest: bad.digest, data: randomBlob(100).data, compressor: 0 as const },
      { digest: bad.digest, data: bad.data.subarray(1), compressor: 0 as const },
      { digest: good.digest, data: good.data, compressor: 0 as const },
    ];
    const { responses } = await push.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 });
    assert.deepEqual(
      responses.map(({ status }) => status?.code),
      [9, 9, 0],
    );
    assert.match(responses[0]?.status?.message ?? '', /nothing was stored/);
    assert.deepEqual(await findMissing(pull, [good.digest, bad.digest]), [bad.digest.hash]);
  });

  test('takes a batch of exactly 1 MiB and of exactly what it advertises, and stores nothing of a larger one', async () => {
    const answer = await pull.capabilities.getCapabilities({ instanceName: '' });
    assert.equal(answer.cacheCapabilities?.maxBatchTotalSizeBytes, BigInt(maxBatch));
    await putBatch(push, [randomBlob(600_000), randomBlob(1024 * 1024 - 600_000)]);
    await putBatch(push, [randomBlob(maxBatch)]);
    const [first, second] = [randomBlob(maxBatch - 5), randomBlob(6)];
    const { status, message } = await failure(putBatch(push, [first, second]));
    assert.equal(status, 'INVALID_ARGUMENT');
    assert.match(message, /use ByteStream/);
    assert.equal((await findMissing(pull, [first.digest, second.digest])).length, 2);
    assert.equal((await failure(readBatch(pull, [first, second]))).status, 'INVALID_ARGUMENT');
  });

  test('gives a tree in pages that a later call can go on from', async () => {
    const { root, directories, blobs } = sampleTree();
    await putBatch(push, blobs);
    const pages = async (pageSize: number, pageToken: string) => {
      const responses: GetTreeResponse[] = [];
      const request = {
        instanceName: 'a/b',
        rootDigest: root.digest,
        pageSize,
        pageToken,
        digestFunction: 0 as const,
      };
      for await (const response of pull.cas.getTree(request)) responses.push(response);
      return responses;
    };
    const whole = await pages(0, '');
    assert.deepEqual(
      whole.map(({ nextPageToken }) => nextPageToken),
      [''],
    );
    assert.equal(whole[0]?.directories.length, directories.length);
    const single = await pages(1, '');
    assert.deepEqual(
      single.flatMap((page) => page.directories),
      whole[0]?.directories,
    );
    const rest = await pages(10, single[0]?.nextPageToken ?? '');
    assert.deepEqual(
      rest.flatMap((page) => page.directories),
      whole[0]?.directories.slice(1),
    );
    assert.equal((await failure(pages(1, 'nonsense'))).status, 'INVALID_ARGUMENT');
    assert.equal((await failure(pages(-1, ''))).status, 'INVALID_ARGUMENT');
  });

  test('leaves out what is missing of a tree, but not its root', async () => {
    const leaf = directoryBlob({ file: randomBlob(5) });
    const root = directoryBlob({}, { leaf });
    const ask = async () => {
      const directories = [];
      const request = {
        instanceName: '',
        rootDigest: root.digest,
        pageSize: 0,
        pageToken: '',
        digestFunction: 0 as const,
      };
      for await (const page of pull.cas.getTree(request)) directories.push(...page.directories);
      return directories.length;
    };
    assert.equal((await failure(ask())).status, 'NOT_FOUND');
    await putBatch(push, [root]);
    assert.equal(await ask(), 1);
    await putBatch(push, [leaf]);
    assert.equal(await ask(), 2);
  });

  const badDigests: [
    what: string,
    digest: { hash: string; sizeBytes: bigint } | undefined,
    message: RegExp,
  ][] = [
    ['no digest', undefined, /missing from the request/],
    ['an absolute path', { hash: 'aa/etc/passwd', sizeBytes: 1n }, /not a SHA-256/],
    ['a way out of the root', { hash: '../../../../etc/passwd', sizeBytes: 1n }, /not a SHA-256/],
    ['upper case', { hash: 'A'.repeat(64), sizeBytes: 1n }, /not a SHA-256/],
    ['a negative size', { hash: 'a'.repeat(64), sizeBytes: -1n }, /negative/],
    ['a size beyond 2^53', { hash: 'a'.repeat(64), sizeBytes: 2n ** 60n }, /beyond 2\^53/],
  ];
  for (const [what, digest, message] of badDigests) {
    test(`refuses ${what} where a digest belongs`, async () => {
      const digests = digest === undefined ? [] : [digest];
      const common = { instanceName: '', digestFunction: 0 as const };
      const requests = [{ digest, data: Buffer.from('x'), compressor: 0 as const }];
      const calls: (() => Promise<unknown>)[] = [() => push.cas.batchUpdateBlobs({ ...common, requests })];
      if (digest !== undefined) {
        calls.push(() => pull.cas.findMissingBlobs({ ...common, blobDigests: digests }));
        calls.push(() => pull.cas.batchReadBlobs({ ...common, digests, acceptableCompressors: [] }));
      }
      for (const call of calls) {
        const answer = await failure(call());
        assert.equal(answer.status, 'INVALID_ARGUMENT');
        assert.match(answer.message, message);
      }
    });
  }

  test('refuses digest functions and compressors that it does not advertise', async () => {
    const { digest, data } = randomBlob(5);
    const calls = [
      () =>
        pull.cas.findMissingBlobs({
          instanceName: '',
          blobDigests: [digest],
          digestFunction: 8,
        }),
      () =>
        push.cas.batchUpdateBlobs({
          instanceName: '',
          requests: [{ digest, data, compressor: 2 }],
          digestFunction: 1,
        }),
    ];
    for (const call of calls) assert.equal((await failure(call())).status, 'INVALID_ARGUMENT');
  });
});
