import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fetchBlob, fetchDirectory, freshUri, logged, pushBlob, pushDirectory } from '../support/assets.ts';
import { served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, failure, putBatch, randomBlob } from '../support/wire.ts';

describe('the Remote Asset services', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  async function stored(size = 100) {
    const blob = randomBlob(size);
    await putBatch(push, [blob]);
    return blob;
  }

  async function storedTree() {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    return tree;
  }

  test('tell a client that gives no URIs that they are there, and that the pull port does not push', async () => {
    const { digest } = await stored();
    for (const clients of [pull, push]) {
      assert.equal((await failure(fetchBlob(clients, []))).status, 'INVALID_ARGUMENT');
      assert.equal((await failure(fetchDirectory(clients, []))).status, 'INVALID_ARGUMENT');
    }
    const nothing = { uris: [], qualifiers: [], expireAt: undefined, digestFunction: 0 as const };
    const rest = { instanceName: '', referencesBlobs: [], referencesDirectories: [] };
    for (const [clients, status] of [
      [push, 'INVALID_ARGUMENT'],
      [pull, 'PERMISSION_DENIED'],
    ] as const) {
      const { assetPush } = clients;
      const blob = { ...nothing, ...rest, blobDigest: undefined };
      assert.equal((await failure(assetPush.pushBlob(blob))).status, status);
      const directory = { ...nothing, ...rest, rootDirectoryDigest: undefined };
      assert.equal((await failure(assetPush.pushDirectory(directory))).status, status);
    }
    const { status, message } = await failure(pushBlob(pull, [freshUri()], digest));
    assert.equal(status, 'PERMISSION_DENIED');
    assert.match(message, /port 11002 with a client certificate/);
  });

  test('give back under each of its URIs what was pushed', async () => {
    const blob = await stored();
    const uris = [freshUri(), freshUri()];
    await pushBlob(push, uris, blob.digest);
    for (const uri of uris) {
      const answer = await fetchBlob(pull, [uri]);
      assert.deepEqual(answer.blobDigest, blob.digest);
      assert.equal(answer.uri, uri);
      assert.equal(answer.digestFunction, 1);
      assert.equal(answer.status, undefined);
    }
    assert.equal((await failure(fetchBlob(pull, [freshUri()]))).status, 'NOT_FOUND');
  });

  test('keep blobs and directories of the same URI apart', async () => {
    const [blob, tree, uri, other] = [await stored(), await storedTree(), freshUri(), freshUri()];
    await pushBlob(push, [uri, other], blob.digest);
    assert.equal((await failure(fetchDirectory(pull, [other]))).status, 'NOT_FOUND');
    await pushDirectory(push, [uri], tree.root.digest);
    assert.deepEqual((await fetchDirectory(pull, [uri])).rootDirectoryDigest, tree.root.digest);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, blob.digest);
  });

  test('answer for the first of several URIs that leads to something', async () => {
    const [first, second] = [await stored(), await stored()];
    const [unknown, one, two] = [freshUri(), freshUri(), freshUri()];
    await pushBlob(push, [one], first.digest);
    await pushBlob(push, [two], second.digest);
    const answer = await fetchBlob(pull, [unknown, two, one]);
    assert.equal(answer.uri, two);
    assert.deepEqual(answer.blobDigest, second.digest);
  });

  test('replace what was pushed before', async () => {
    const [first, second, uri] = [await stored(), await stored(), freshUri()];
    await pushBlob(push, [uri], first.digest);
    await pushBlob(push, [uri], second.digest);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, second.digest);
  });

  test('match all qualifiers, in any order, and give them back', async () => {
    const [bare, qualified, uri] = [await stored(), await stored(), freshUri()];
    const qualifiers = [
      { name: 'vcs.commit', value: 'a1' },
      { name: 'resource_type', value: 'application/x-git' },
    ];
    await pushBlob(push, [uri], qualified.digest, { qualifiers });
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
    await pushBlob(push, [uri], bare.digest);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, bare.digest);

    const answer = await fetchBlob(pull, [uri], { qualifiers: qualifiers.toReversed() });
    assert.deepEqual(answer.blobDigest, qualified.digest);
    assert.deepEqual(answer.qualifiers, qualifiers.toReversed());

    const near = [
      qualifiers.slice(0, 1),
      [...qualifiers, { name: 'more', value: '' }],
      [...qualifiers.slice(0, 1), { name: 'resource_type', value: 'application/x-gi' }],
      [
        { name: 'vcs.commit', value: 'application/x-git' },
        { name: 'resource_type', value: 'a1' },
      ],
    ];
    for (const others of near) {
      assert.equal((await failure(fetchBlob(pull, [uri], { qualifiers: others }))).status, 'NOT_FOUND');
    }
  });

  test('give each instance its own names', async () => {
    const [main, other, uri] = [await stored(), await stored(), freshUri()];
    await pushBlob(push, [uri], main.digest, { instanceName: 'main/a' });
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
    await pushBlob(push, [uri], other.digest);
    assert.deepEqual((await fetchBlob(pull, [uri], { instanceName: 'main/a' })).blobDigest, main.digest);
    const longest = 'n'.repeat(255);
    await pushBlob(push, [uri], other.digest, { instanceName: longest });
    assert.deepEqual((await fetchBlob(pull, [uri], { instanceName: longest })).blobDigest, other.digest);
  });

  test('find everything again after a kill', async () => {
    const own = await startWeir();
    const clients = clientsAt(own.pushAddress);
    const tree = sampleTree();
    const qualifiers = [{ name: 'resource_type', value: 'x' }];
    await putBatch(clients, tree.blobs);
    await pushDirectory(clients, ['urn:kept'], tree.root.digest, { qualifiers });
    clients.close();
    await own.kill();
    const again = await startWeir({ volume: own.volume, socketsDir: own.socketsDir });
    const reader = clientsAt(again.pullAddress);
    const { rootDirectoryDigest } = await fetchDirectory(reader, ['urn:kept'], { qualifiers });
    assert.deepEqual(rootDirectoryDigest, tree.root.digest);
    reader.close();
    await again.stop();
    await own.stop();
  });

  test('log who pushed which asset, and count hits and misses', async () => {
    const [blob, tree, uri] = [await stored(), await storedTree(), freshUri()];
    const lookups = async (result: string) => {
      const text = await (await fetch(`${weir.opsUrl}/metrics`)).text();
      return Number(
        new RegExp(`weir_lookups_total\\{kind="asset",result="${result}"\\} (\\d+)`).exec(text)?.[1],
      );
    };
    const before = { hit: await lookups('hit'), miss: await lookups('miss') };
    await pushBlob(push, [uri], blob.digest, { referencesDirectories: [tree.root.digest] });
    const entry = await logged(weir, `"${uri}"`);
    assert.equal(entry['message'], 'pushed');
    assert.deepEqual(entry['keys'], [uri]);
    assert.equal(entry['blobs'], 8);
    await fetchBlob(pull, [uri, freshUri()]);
    await failure(fetchBlob(pull, [freshUri(), freshUri()]));
    assert.equal(await lookups('hit'), before.hit + 1);
    assert.equal(await lookups('miss'), before.miss + 1);
  });
});
