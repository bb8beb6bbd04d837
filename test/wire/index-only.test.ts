import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  fetchBlob,
  fetchDirectory,
  freshUri,
  pushBlob,
  pushDirectory,
  secondsFromNow,
} from '../support/assets.ts';
import { startArtifactServer } from '../support/bst-artifact-server.ts';
import { served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir } from '../support/weir.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

describe('a server that is an index only', () => {
  let push: Clients;
  let pull: Clients;
  served((site) => ({ push, pull } = site), { env: { INDEX_ONLY: 'true' } });

  test('answers for assets whose blobs are elsewhere', async () => {
    const [blob, tree, uri] = [randomBlob(10), sampleTree(), freshUri()];
    const fields = { referencesBlobs: [blob.digest], referencesDirectories: [tree.root.digest] };
    await pushBlob(push, [uri], blob.digest, fields);
    await pushDirectory(push, [uri], tree.root.digest);
    const answer = await fetchBlob(pull, [uri]);
    assert.deepEqual(answer.blobDigest, blob.digest);
    // It cannot know how long they stay there.
    assert.equal(answer.expiresAt, undefined);
    assert.deepEqual((await fetchDirectory(pull, [uri])).rootDirectoryDigest, tree.root.digest);
    assert.equal((await failure(fetchBlob(pull, [freshUri()]))).status, 'NOT_FOUND');
    await failure(fetchBlob(pull, []));
  });

  test('keeps the times of assets', async () => {
    const [blob, uri, expireAt] = [randomBlob(10), freshUri(), secondsFromNow(3600)];
    await pushBlob(push, [uri], blob.digest, { expireAt });
    assert.deepEqual((await fetchBlob(pull, [uri])).expiresAt, expireAt);
    const tooNew = { oldestContentAccepted: secondsFromNow(60) };
    assert.equal((await failure(fetchBlob(pull, [uri], tooNew))).status, 'NOT_FOUND');
    await pushBlob(push, [uri], blob.digest, { expireAt: secondsFromNow(-1) });
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
  });

  test('answers for references, by both of their names', async () => {
    const tree = sampleTree();
    const uri = 'urn:fdc:buildstream.build:2020:v1:p/e/k';
    await pushDirectory(push, [uri], tree.root.digest);
    const { digest } = await pull.references.getReference({ instanceName: '', key: 'p/e/k' });
    assert.deepEqual(digest, tree.root.digest);
    const other = sampleTree();
    const update = { instanceName: '', keys: ['p/e/k'], digest: other.root.digest };
    await push.references.updateReference(update);
    assert.deepEqual((await fetchDirectory(pull, [uri])).rootDirectoryDigest, other.root.digest);
  });

  test('offers nothing that needs blobs, and says what it is', async () => {
    const blob = randomBlob(10);
    for (const call of [
      () => findMissing(pull, [blob.digest]),
      () => putBatch(push, [blob]),
      () => read(pull, downloadName(blob)),
      () => write(push, uploadName(blob), blob.data),
    ]) {
      const { status, message } = await failure(call());
      assert.equal(status, 'UNIMPLEMENTED');
      assert.match(message, /index and has no blobs/);
    }
    const { cacheCapabilities } = await push.capabilities.getCapabilities({ instanceName: '' });
    assert.equal(cacheCapabilities?.actionCacheUpdateCapabilities?.updateEnabled, false);
  });

  test('refuses pushes on the pull port', async () => {
    assert.equal(
      (await failure(pushBlob(pull, [freshUri()], randomBlob(1).digest))).status,
      'PERMISSION_DENIED',
    );
    assert.equal((await failure(putBatch(pull, [randomBlob(1)]))).status, 'PERMISSION_DENIED');
  });

  test('finds everything again after a restart, and as a whole server what is whole', async (t) => {
    const [blob, lost] = [randomBlob(10), randomBlob(10)];
    const first = await startWeir({ env: { INDEX_ONLY: 'true' } });
    const writer = clientsAt(first.pushAddress);
    await pushBlob(writer, ['urn:here'], blob.digest);
    await pushBlob(writer, ['urn:elsewhere'], lost.digest);
    writer.close();
    await first.kill();
    const again = await startWeir({ volume: first.volume });
    const clients = clientsAt(again.pushAddress);
    t.after(async () => {
      clients.close();
      await again.stop();
      await first.stop();
    });
    await putBatch(clients, [blob]);
    assert.deepEqual((await fetchBlob(clients, ['urn:here'])).blobDigest, blob.digest);
    assert.equal((await failure(fetchBlob(clients, ['urn:elsewhere']))).status, 'NOT_FOUND');
    assert.ok((await readdir(join(first.volume, 'weir', 'assets'))).includes('='));
  });
});

test('bst-artifact-server --index-only is one too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-index-'));
  const server = await startArtifactServer('weir', folder, ['--enable-push', '--index-only']);
  const clients = clientsAt(`127.0.0.1:${server.port}`);
  t.after(async () => {
    clients.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const blob = randomBlob(10);
  await pushBlob(clients, ['urn:elsewhere'], blob.digest);
  assert.deepEqual((await fetchBlob(clients, ['urn:elsewhere'])).blobDigest, blob.digest);
  assert.equal((await failure(putBatch(clients, [blob]))).status, 'UNIMPLEMENTED');
});
