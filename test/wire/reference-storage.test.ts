import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { looksAlways, served } from '../support/served.ts';
import { directoryBlob, sampleTree } from '../support/trees.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Blob, blobOf, type Clients, clientsAt, failure, putBatch } from '../support/wire.ts';

describe('ReferenceStorage', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site), looksAlways);

  const pathOf = (blob: Blob) => blobFile(weir.volume, blob);
  const fileOf = (key: string) => join(weir.volume, 'cas', 'refs', 'heads', key);
  const update = (keys: string[], { digest }: Blob, instanceName = '') =>
    push.references.updateReference({ instanceName, keys, digest });
  const get = async (key: string, instanceName = '') =>
    (await pull.references.getReference({ instanceName, key })).digest?.hash;

  test('gives the root that was pushed under each of the keys', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await update(['project/element/one', 'project/element/two'], tree.root);
    assert.equal(await get('project/element/one'), tree.root.digest.hash);
    assert.equal(await get('project/element/two'), tree.root.digest.hash);
    assert.equal((await failure(get('project/element/three'))).status, 'NOT_FOUND');
    assert.equal((await failure(get('project/element'))).status, 'NOT_FOUND');
  });

  test('writes the file that BuildStream writes', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await update(['project/file/key'], tree.root);
    const bytes = await readFile(fileOf('project/file/key'));
    assert.deepEqual(Digest.decode(bytes), tree.root.digest);
    assert.equal((await stat(fileOf('project/file/key'))).mode & 0o777, 0o600);
  });

  test('replaces a reference', async () => {
    const [first, second] = [sampleTree(), sampleTree()];
    await putBatch(push, [...first.blobs, ...second.blobs]);
    await update(['project/replaced/key'], first.root);
    await update(['project/replaced/key'], second.root);
    assert.equal(await get('project/replaced/key'), second.root.digest.hash);
  });

  test('gives each instance its own references', async () => {
    const [first, second] = [sampleTree(), sampleTree()];
    await putBatch(push, [...first.blobs, ...second.blobs]);
    await update(['p/e/key'], first.root, 'main');
    await update(['e/key'], second.root, 'main/p');
    assert.equal(await get('p/e/key', 'main'), first.root.digest.hash);
    assert.equal(await get('e/key', 'main/p'), second.root.digest.hash);
    assert.equal((await failure(get('p/e/key'))).status, 'NOT_FOUND');
  });

  test('refuses a root that does not reach everything, names what is missing, and changes nothing', async () => {
    const [whole, broken] = [sampleTree(), sampleTree()];
    const lost = broken.files[0] ?? broken.root;
    await putBatch(push, [...whole.blobs, ...broken.blobs.filter((blob) => blob !== lost)]);
    await update(['project/kept/key'], whole.root);
    const { status, message } = await failure(update(['project/kept/key', 'project/new/key'], broken.root));
    assert.equal(status, 'FAILED_PRECONDITION');
    assert.match(message, new RegExp(`the first is ${lost.digest.hash}/${lost.digest.sizeBytes}`));
    assert.equal(await get('project/kept/key'), whole.root.digest.hash);
    assert.equal((await failure(get('project/new/key'))).status, 'NOT_FOUND');
    await putBatch(push, [lost]);
    await update(['project/kept/key'], broken.root);
  });

  test('answers NOT_FOUND while any one blob that the reference reaches is missing, and again when it is back', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await update(['project/whole/key'], tree.root);
    for (const blob of tree.blobs.filter(({ digest }) => digest.sizeBytes > 0n)) {
      await rm(pathOf(blob));
      assert.equal((await failure(get('project/whole/key'))).status, 'NOT_FOUND');
      await stat(fileOf('project/whole/key'));
      await putBatch(push, [blob]);
      assert.equal(await get('project/whole/key'), tree.root.digest.hash);
    }
  });

  for (const [what, content] of [
    ['empty', ''],
    ['garbage', 'no digest at all'],
    ['a digest that is none', Buffer.from(Digest.encode({ hash: '../../x', sizeBytes: 1n }).finish())],
    ['longer than any reference', 'x'.repeat(5000)],
  ] as const) {
    test(`reads a reference file that is ${what} as not found`, async () => {
      const file = fileOf(`project/bad/${what.replaceAll(' ', '-')}`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      assert.equal((await failure(get(`project/bad/${what.replaceAll(' ', '-')}`))).status, 'NOT_FOUND');
      await stat(file);
    });
  }

  // Bytes at random are a message now and then: these never are.
  for (const [what, bytes] of [
    ['text', 'this is no directory, whatever else it may be'],
    ['zeros', Buffer.alloc(1000)],
    ['a directory with something behind it', Buffer.concat([directoryBlob({}).data, Buffer.alloc(3)])],
  ] as const) {
    test(`refuses ${what} as a root, and reads a reference to it as not found`, async () => {
      const blob = blobOf(bytes);
      const key = `project/root/${what.replaceAll(' ', '-')}`;
      await putBatch(push, [blob]);
      const { status, message } = await failure(update([key], blob));
      assert.equal(status, 'INVALID_ARGUMENT');
      assert.match(message, /is not a Directory message/);
      await mkdir(fileOf('project/root'), { recursive: true });
      await writeFile(fileOf(key), Digest.encode(blob.digest).finish());
      assert.equal((await failure(get(key))).status, 'NOT_FOUND');
    });
  }

  test('keeps a damaged directory from being called whole', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await update(['project/damaged/key'], tree.root);
    await truncate(pathOf(tree.root), Number(tree.root.digest.sizeBytes) - 1);
    assert.equal((await failure(get('project/damaged/key'))).status, 'NOT_FOUND');
  });

  test('refuses keys that would collide with others, and loses none of those', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await update(['collision/a/b'], tree.root);
    for (const key of ['collision/a', 'collision/a/b/c']) {
      const { status, message } = await failure(update([key], tree.root));
      assert.equal(status, 'INVALID_ARGUMENT');
      assert.match(message, /collides/);
    }
    assert.equal(
      (await failure(update(['collision/fresh', 'collision/a'], tree.root))).status,
      'INVALID_ARGUMENT',
    );
    assert.equal((await failure(get('collision/fresh'))).status, 'NOT_FOUND');
    assert.equal(await get('collision/a/b'), tree.root.digest.hash);
  });

  for (const key of [
    '',
    '/',
    '/etc/passwd',
    '../../up',
    'a/../b',
    'a/./b',
    'a//b',
    'a/',
    'a\u0000b',
    'a\\b',
    'x'.repeat(300),
    'k/'.repeat(40) + 'k',
  ]) {
    test(`refuses the key ${JSON.stringify(key.slice(0, 20))} in both directions`, async () => {
      assert.equal((await failure(get(key))).status, 'INVALID_ARGUMENT');
      assert.equal((await failure(update([key], sampleTree().root))).status, 'INVALID_ARGUMENT');
    });
  }

  test('refuses an update without keys', async () => {
    assert.equal((await failure(update([], sampleTree().root))).status, 'INVALID_ARGUMENT');
  });

  test('finds everything again after a kill', async () => {
    const tree = sampleTree();
    const own = await startWeir();
    const clients = clientsAt(own.pushAddress);
    await putBatch(clients, tree.blobs);
    await clients.references.updateReference({ instanceName: '', keys: ['p/e/k'], digest: tree.root.digest });
    clients.close();
    await own.kill();
    const again = await startWeir({ volume: own.volume, socketsDir: own.socketsDir });
    const reader = clientsAt(again.pullAddress);
    const { digest } = await reader.references.getReference({ instanceName: '', key: 'p/e/k' });
    assert.equal(digest?.hash, tree.root.digest.hash);
    reader.close();
    await again.stop();
    await own.stop();
  });
});
