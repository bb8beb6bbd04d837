import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { blake3 } from 'hash-wasm';
import {
  Compressor_Value,
  type Digest,
  DigestFunction_Value,
  Directory,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type Served, served } from '../support/served.ts';
import { failure, read, write } from '../support/wire.ts';

const functions = ['sha256', 'sha1', 'sha384', 'sha512', 'blake3'] as const;
type Name = (typeof functions)[number];
const value = (name: Name) => DigestFunction_Value[name.toUpperCase() as 'SHA256'];

async function digestBy(name: Name, data: Uint8Array): Promise<Digest> {
  const hash = name === 'blake3' ? await blake3(data) : createHash(name).update(data).digest('hex');
  return { hash, sizeBytes: BigInt(data.length) };
}

/** The part of a resource name that names the blob. */
function blobPart(name: Name, { hash, sizeBytes }: Digest): string {
  return `${name === 'blake3' ? 'blake3/' : ''}${hash}/${sizeBytes}`;
}

function pathOf(volume: string, name: Name, hash: string): string {
  const objects = name === 'sha256' ? ['cas', 'objects'] : ['weir', 'objects', name];
  return join(volume, ...objects, hash.slice(0, 2), hash.slice(2));
}

void describe('digest functions', () => {
  let site: Served;
  served((it) => (site = it));

  async function missing(name: Name, blobDigests: Digest[], named = true): Promise<Digest[]> {
    const digestFunction = named ? value(name) : DigestFunction_Value.UNKNOWN;
    const request = { instanceName: '', blobDigests, digestFunction };
    return (await site.pull.cas.findMissingBlobs(request)).missingBlobDigests;
  }

  async function batchUpdate(name: Name, digest: Digest, data: Uint8Array) {
    const { responses } = await site.push.cas.batchUpdateBlobs({
      instanceName: '',
      requests: [{ digest, data, compressor: Compressor_Value.IDENTITY }],
      digestFunction: value(name),
    });
    return responses[0]?.status;
  }

  async function batchRead(name: Name, digest: Digest) {
    const { responses } = await site.pull.cas.batchReadBlobs({
      instanceName: '',
      digests: [digest],
      acceptableCompressors: [],
      digestFunction: value(name),
    });
    return responses[0];
  }

  void test('are advertised, SHA256 first', async () => {
    const { cacheCapabilities } = await site.pull.capabilities.getCapabilities({ instanceName: '' });
    assert.deepEqual(cacheCapabilities?.digestFunctions, functions.map(value));
  });

  for (const name of functions) {
    void test(`${name}: a batch and a stream store blobs that both ways of reading give back`, async () => {
      const [small, large] = [randomBytes(1000), randomBytes(3_000_000)];
      const [smallDigest, largeDigest] = [await digestBy(name, small), await digestBy(name, large)];
      assert.equal((await missing(name, [smallDigest, largeDigest])).length, 2);
      assert.equal((await batchUpdate(name, smallDigest, small))?.code, 0);
      await write(site.push, `uploads/${randomUUID()}/blobs/${blobPart(name, largeDigest)}`, large);
      assert.deepEqual(await missing(name, [smallDigest, largeDigest]), []);
      assert.deepEqual(await read(site.pull, `blobs/${blobPart(name, largeDigest)}`), large);
      assert.deepEqual(
        await read(site.pull, `blobs/${blobPart(name, largeDigest)}`, 17n),
        large.subarray(17),
      );
      const answer = await batchRead(name, smallDigest);
      assert.deepEqual(Buffer.from(answer?.data ?? []), small);
      assert.ok((await stat(pathOf(site.weir.volume, name, largeDigest.hash))).isFile());
    });

    void test(`${name}: other bytes than announced are refused`, async () => {
      const data = randomBytes(100);
      const digest = await digestBy(name, data);
      assert.equal((await batchUpdate(name, digest, randomBytes(100)))?.code, 9);
      const upload = write(
        site.push,
        `uploads/${randomUUID()}/blobs/${blobPart(name, digest)}`,
        randomBytes(100),
      );
      assert.equal((await failure(upload)).status, 'FAILED_PRECONDITION');
      assert.equal((await missing(name, [digest])).length, 1);
    });

    void test(`${name}: a damaged blob is not given out, and an upload heals it once it was set aside`, async () => {
      const data = randomBytes(5000);
      const digest = await digestBy(name, data);
      await batchUpdate(name, digest, data);
      const path = pathOf(site.weir.volume, name, digest.hash);
      const bytes = await readFile(path);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await writeFile(path, bytes);
      assert.equal((await batchRead(name, digest))?.status?.code, 5);
      while ((await missing(name, [digest])).length === 0) await batchRead(name, digest);
      assert.equal((await batchUpdate(name, digest, data))?.code, 0);
      assert.deepEqual(Buffer.from((await batchRead(name, digest))?.data ?? []), data);
    });

    void test(`${name}: the blob of no bytes is always there`, async () => {
      const digest = await digestBy(name, new Uint8Array());
      assert.deepEqual(await missing(name, [digest]), []);
      assert.equal((await batchRead(name, digest))?.status?.code, 0);
      assert.equal((await read(site.pull, `blobs/${blobPart(name, digest)}`)).length, 0);
    });

    void test(`${name}: a tree is walked by the function of its root`, async () => {
      const file = randomBytes(10);
      const inner = Directory.encode(
        directoryOf([], [{ name: 'file', digest: await digestBy(name, file) }]),
      ).finish();
      const root = Directory.encode(
        directoryOf([{ name: 'inner', digest: await digestBy(name, inner) }], []),
      ).finish();
      for (const data of [file, inner, root]) await batchUpdate(name, await digestBy(name, data), data);
      const names = [];
      const request = {
        instanceName: '',
        rootDigest: await digestBy(name, root),
        pageSize: 1,
        pageToken: '',
        digestFunction: value(name),
      };
      let pageToken = '';
      for await (const page of site.pull.cas.getTree(request)) {
        names.push(...page.directories.map(({ files, directories }) => (files[0] ?? directories[0])?.name));
        pageToken ||= page.nextPageToken;
      }
      assert.deepEqual(names, ['inner', 'file']);
      for await (const page of site.pull.cas.getTree({ ...request, pageToken })) {
        assert.deepEqual(page.directories[0]?.files[0]?.name, 'file');
      }
    });
  }

  void test('are told by the length of the hash where a request names none, but for BLAKE3', async () => {
    const data = randomBytes(64);
    for (const name of functions) {
      const digest = await digestBy(name, data);
      await batchUpdate(name, digest, data);
      assert.equal((await missing(name, [digest], false)).length, name === 'blake3' ? 1 : 0, name);
    }
    const digest = await digestBy('blake3', data);
    const unnamed = read(site.pull, `blobs/${digest.hash}/${digest.sizeBytes}`);
    assert.equal((await failure(unnamed)).status, 'NOT_FOUND');
  });

  void test('may be named in a resource name where that is not needed', async () => {
    const data = randomBytes(64);
    const digest = await digestBy('sha1', data);
    await write(site.push, `main/a/uploads/${randomUUID()}/blobs/sha1/${digest.hash}/64/some/thing`, data);
    assert.deepEqual(await read(site.pull, `main/a/blobs/${digest.hash}/64`), data);
  });

  void test('do not take the hashes of one another', async () => {
    const digest = await digestBy('sha1', Buffer.from('x'));
    const refused = await failure(missing('sha256', [digest]));
    assert.equal(refused.status, 'INVALID_ARGUMENT');
    assert.match(refused.message, /not a SHA-256 in lower-case hex/);
    assert.match((await failure(missing('blake3', [digest]))).message, /not a BLAKE3/);
    const named = await failure(read(site.pull, `blobs/sha512/${digest.hash}/1`));
    assert.equal(named.status, 'NOT_FOUND');
  });

  void test('that are not offered are refused with the list of those that are', async () => {
    const request = { instanceName: '', blobDigests: [], digestFunction: DigestFunction_Value.MD5 };
    const refused = await failure(site.pull.cas.findMissingBlobs(request));
    assert.equal(refused.status, 'INVALID_ARGUMENT');
    assert.match(refused.message, /not offered; there are SHA256 \(1\), SHA1 \(2\)/);
  });
});

function directoryOf(
  directories: Directory['directories'],
  files: { name: string; digest: Digest }[],
): Directory {
  return {
    directories,
    files: files.map((file) => ({ ...file, isExecutable: false, nodeProperties: undefined })),
    symlinks: [],
    nodeProperties: undefined,
  };
}
