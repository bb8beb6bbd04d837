import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  fetchBlob,
  fetchDirectory,
  freshUri,
  pushBlob,
  pushDirectory,
  secondsFromNow,
} from '../support/assets.ts';
import { blobFile } from '../support/volume-damage.ts';
import { looksAlways, served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import type { Weir } from '../support/weir.ts';
import { type Clients, failure, putBatch } from '../support/wire.ts';

/** What BuildStream 1.6 calls its reference of this key. */
const urnOf = (key: string) => `urn:fdc:buildstream.build:2020:v1:${key}`;

describe("BuildStream 1.6's URN and the key of ReferenceStorage", () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site), looksAlways);

  async function storedTree() {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    return tree;
  }
  const update = (keys: string[], digest: Digest, instanceName = '') =>
    push.references.updateReference({ instanceName, keys, digest });
  const get = async (key: string, instanceName = '') =>
    (await pull.references.getReference({ instanceName, key })).digest;
  const fileOf = (key: string) => join(weir.volume, 'cas', 'refs', 'heads', key);

  test('are one thing: what is pushed by the one is found by the other', async () => {
    const [first, second] = [await storedTree(), await storedTree()];
    await pushDirectory(push, [urnOf('p/e/one'), urnOf('p/e/two')], first.root.digest);
    assert.deepEqual(await get('p/e/one'), first.root.digest);
    assert.deepEqual(await get('p/e/two'), first.root.digest);
    assert.deepEqual(Digest.decode(await readFile(fileOf('p/e/one'))), first.root.digest);
    assert.equal((await stat(fileOf('p/e/one'))).mode & 0o777, 0o600);

    await update(['p/e/one'], second.root.digest);
    const answer = await fetchDirectory(pull, [urnOf('p/e/one')]);
    assert.deepEqual(answer.rootDirectoryDigest, second.root.digest);
    assert.equal(answer.uri, urnOf('p/e/one'));
    assert.equal(answer.digestFunction, 1);
    assert.ok(Number(answer.expiresAt?.seconds) > Date.now() / 1000);
    assert.equal((await failure(fetchDirectory(pull, [urnOf('p/e/none')]))).status, 'NOT_FOUND');
  });

  test('are one thing in each instance', async () => {
    const tree = await storedTree();
    await pushDirectory(push, [urnOf('p/e/instance')], tree.root.digest, { instanceName: 'main/a' });
    assert.deepEqual(await get('p/e/instance', 'main/a'), tree.root.digest);
    assert.equal((await failure(get('p/e/instance'))).status, 'NOT_FOUND');
    assert.equal((await failure(fetchDirectory(pull, [urnOf('p/e/instance')]))).status, 'NOT_FOUND');
    await fetchDirectory(pull, [urnOf('p/e/instance')], { instanceName: 'main/a' });
  });

  test('are found only while everything is here', async () => {
    const tree = await storedTree();
    await pushDirectory(push, [urnOf('p/e/whole')], tree.root.digest);
    for (const blob of tree.blobs.filter(({ data }) => data.length > 0)) {
      await rm(blobFile(weir.volume, blob));
      assert.equal((await failure(fetchDirectory(pull, [urnOf('p/e/whole')]))).status, 'NOT_FOUND');
      await putBatch(push, [blob]);
      await fetchDirectory(pull, [urnOf('p/e/whole')]);
    }
  });

  test('are not taken without everything, and then none of the names is', async () => {
    const [tree, other] = [sampleTree(), freshUri()];
    await putBatch(push, tree.blobs.slice(1));
    const { status } = await failure(pushDirectory(push, [other, urnOf('p/e/lost')], tree.root.digest));
    assert.equal(status, 'FAILED_PRECONDITION');
    await putBatch(push, tree.blobs);
    assert.equal((await failure(get('p/e/lost'))).status, 'NOT_FOUND');
    assert.equal((await failure(fetchDirectory(pull, [other]))).status, 'NOT_FOUND');
    await pushDirectory(push, [other, urnOf('p/e/lost')], tree.root.digest);
    await fetchDirectory(pull, [other]);
    await get('p/e/lost');
  });

  test('are other than a blob of that URI, and than a directory with qualifiers', async () => {
    const [tree, qualified] = [await storedTree(), await storedTree()];
    const uri = urnOf('p/e/others');
    const qualifiers = [{ name: 'resource_type', value: 'x' }];
    await pushBlob(push, [uri], tree.root.digest);
    await pushDirectory(push, [uri], qualified.root.digest, { qualifiers, expireAt: secondsFromNow(60) });
    assert.equal((await failure(get('p/e/others'))).status, 'NOT_FOUND');
    assert.equal((await failure(fetchDirectory(pull, [uri]))).status, 'NOT_FOUND');
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, tree.root.digest);
    assert.deepEqual(
      (await fetchDirectory(pull, [uri], { qualifiers })).rootDirectoryDigest,
      qualified.root.digest,
    );
  });

  test('take nothing that a reference cannot keep', async () => {
    const tree = await storedTree();
    const uri = urnOf('p/e/plain');
    const sha1 = { hash: 'a'.repeat(40), sizeBytes: 1n };
    const refused = async (
      digest: Digest,
      fields: Parameters<typeof pushDirectory>[3],
      pattern: RegExp,
      uris = [uri],
    ) => {
      const { status, message } = await failure(pushDirectory(push, uris, digest, fields));
      assert.equal(status, 'INVALID_ARGUMENT');
      assert.match(message, pattern);
    };
    const { digest } = tree.root;
    await refused(digest, { expireAt: secondsFromNow(60) }, /has no expire_at/);
    await refused(digest, { referencesBlobs: [digest] }, /has no references to others/);
    const both = [freshUri(), uri];
    await refused(digest, { referencesDirectories: [digest] }, /has no references to others/, both);
    await refused(sha1, {}, /has no digest function but SHA-256/);
    assert.equal((await failure(get('p/e/plain'))).status, 'NOT_FOUND');
  });

  test('are not known to be new enough, nor to have another digest function', async () => {
    const tree = await storedTree();
    const uri = urnOf('p/e/asked');
    await pushDirectory(push, [uri], tree.root.digest);
    await fetchDirectory(pull, [uri], { digestFunction: 1 });
    const asked = [{ oldestContentAccepted: secondsFromNow(-60) }, { digestFunction: 9 as const }];
    for (const wanted of asked) {
      assert.equal((await failure(fetchDirectory(pull, [uri], wanted))).status, 'NOT_FOUND');
    }
  });

  for (const key of ['', '/', '../../up', 'a//b', 'a\u0000b', 'x'.repeat(300)]) {
    test(`allow the same keys: not ${JSON.stringify(key.slice(0, 20))}`, async () => {
      assert.equal((await failure(fetchDirectory(pull, [urnOf(key)]))).status, 'INVALID_ARGUMENT');
      const call = pushDirectory(push, [urnOf(key)], sampleTree().root.digest);
      assert.equal((await failure(call)).status, 'INVALID_ARGUMENT');
    });
  }
});
