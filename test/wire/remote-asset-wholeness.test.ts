import assert from 'node:assert/strict';
import { copyFile, rm, stat, truncate, utimes } from 'node:fs/promises';
import { describe, test } from 'node:test';
import {
  assetFile,
  fetchBlob,
  fetchDirectory,
  freshUri,
  logged,
  pushBlob,
  pushDirectory,
} from '../support/assets.ts';
import { blobFile } from '../support/volume-damage.ts';
import { looksAlways, served } from '../support/served.ts';
import { directoryBlob, sampleTree } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  failure,
  putBatch,
  randomBlob,
} from '../support/wire.ts';

/** What BuildStream 2 pushes: a message that names others, and those. */
function sampleAsset() {
  const [proto, log, files, sources] = [randomBlob(300), randomBlob(50), sampleTree(), sampleTree()];
  return {
    proto,
    files,
    fields: {
      referencesBlobs: [log.digest],
      referencesDirectories: [files.root.digest, sources.root.digest],
    },
    blobs: [proto, log, ...files.blobs, ...sources.blobs],
  };
}

const withBytes = ({ data }: Blob) => data.length > 0;

describe('an asset', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site), looksAlways);

  const notFound = async (call: Promise<unknown>) => assert.equal((await failure(call)).status, 'NOT_FOUND');

  test('that is a blob is found only while all it references is here, and again when it is back', async () => {
    const [asset, uri] = [sampleAsset(), freshUri()];
    await putBatch(push, asset.blobs);
    await pushBlob(push, [uri], asset.proto.digest, asset.fields);
    for (const blob of asset.blobs.filter(withBytes)) {
      await rm(blobFile(weir.volume, blob));
      await notFound(fetchBlob(pull, [uri]));
      await putBatch(push, [blob]);
      assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, asset.proto.digest);
    }
  });

  test('that is a directory is found only while all of its tree and its references are here', async () => {
    const [tree, log, other, uri] = [sampleTree(), randomBlob(20), sampleTree(), freshUri()];
    const blobs = [...tree.blobs, log, ...other.blobs];
    await putBatch(push, blobs);
    await pushDirectory(push, [uri], tree.root.digest, {
      referencesBlobs: [log.digest],
      referencesDirectories: [other.root.digest],
    });
    for (const blob of blobs.filter(withBytes)) {
      await rm(blobFile(weir.volume, blob));
      await notFound(fetchDirectory(pull, [uri]));
      await putBatch(push, [blob]);
      assert.deepEqual((await fetchDirectory(pull, [uri])).rootDirectoryDigest, tree.root.digest);
    }
  });

  test('is passed over for the next of the URIs while it is not whole', async () => {
    const [lost, whole] = [randomBlob(10), randomBlob(10)];
    const uris = [freshUri(), freshUri()] as const;
    await putBatch(push, [lost, whole]);
    await pushBlob(push, [uris[0]], lost.digest);
    await pushBlob(push, [uris[1]], whole.digest);
    await rm(blobFile(weir.volume, lost));
    assert.equal((await fetchBlob(pull, uris)).uri, uris[1]);
  });

  test('is not found while a blob of it has the wrong size', async () => {
    const [asset, uri] = [sampleAsset(), freshUri()];
    await putBatch(push, asset.blobs);
    await pushBlob(push, [uri], asset.proto.digest, asset.fields);
    await truncate(blobFile(weir.volume, asset.proto), 10);
    await notFound(fetchBlob(pull, [uri]));
    await putBatch(push, [asset.proto]);
    await fetchBlob(pull, [uri]);
  });

  test('may be pushed before all of it is here, and is found when the rest has come', async () => {
    const [asset, uri] = [sampleAsset(), freshUri()];
    const [lost] = asset.files.files;
    assert.ok(lost);
    await putBatch(
      push,
      asset.blobs.filter((blob) => blob !== lost),
    );
    await pushBlob(push, [uri], asset.proto.digest, asset.fields);
    const { level, message, firstMissing } = await logged(weir, uri);
    assert.equal(level, 'warn');
    assert.equal(message, 'pushed before all of it was here');
    assert.equal(firstMissing, `${lost.digest.hash}/${lost.digest.sizeBytes}`);
    await notFound(fetchBlob(pull, [uri]));
    await putBatch(push, [lost]);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, asset.proto.digest);
  });

  test('that is whole is not replaced by one that is not', async () => {
    const [whole, lost] = [randomBlob(10), randomBlob(10)];
    const [known, fresh] = [freshUri(), freshUri()];
    await putBatch(push, [whole]);
    await pushBlob(push, [known], whole.digest);
    await pushBlob(push, [known, fresh], lost.digest);
    assert.deepEqual((await fetchBlob(pull, [known])).blobDigest, whole.digest);
    await notFound(fetchBlob(pull, [fresh]));
    await rm(blobFile(weir.volume, whole));
    await pushBlob(push, [known], lost.digest);
    await putBatch(push, [lost]);
    for (const uri of [known, fresh]) {
      assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, lost.digest);
    }
  });

  test('cannot be a directory, or reference one, that is none', async () => {
    const [text, uri] = [blobOf('this is no directory, whatever else it may be'), freshUri()];
    const parent = directoryBlob({}, { below: text });
    await putBatch(push, [text, parent]);
    const pushes = [
      () => pushDirectory(push, [uri], text.digest),
      () => pushDirectory(push, [uri], parent.digest),
      () => pushBlob(push, [uri], text.digest, { referencesDirectories: [text.digest] }),
    ];
    for (const attempt of pushes) {
      const { status, message } = await failure(attempt());
      assert.equal(status, 'INVALID_ARGUMENT');
      assert.match(message, /is not a Directory message/);
    }
    await pushBlob(push, [uri], text.digest);
  });

  test('whose file is damaged is not found until it is pushed again', async () => {
    const [blob, uri] = [randomBlob(10), freshUri()];
    await putBatch(push, [blob]);
    const file = assetFile(weir.volume, 'blob', uri);
    for (const size of [0, 1, 20, 5000]) {
      await pushBlob(push, [uri], blob.digest);
      await fetchBlob(pull, [uri]);
      await truncate(file, size);
      await notFound(fetchBlob(pull, [uri]));
      await stat(file);
    }
  });

  test('whose file was put in the place of another is not found there', async () => {
    const [blob, uri, other] = [randomBlob(10), freshUri(), freshUri()];
    await putBatch(push, [blob]);
    await pushBlob(push, [uri, other], blob.digest);
    await copyFile(assetFile(weir.volume, 'blob', uri), assetFile(weir.volume, 'blob', other));
    await notFound(fetchBlob(pull, [other]));
    await fetchBlob(pull, [uri]);
  });
});

describe('an asset that is answered', () => {
  test('is leased with all that it reaches, on either listener', async (t) => {
    // Nothing is promised for longer than it takes to say so: each answer has to write all times anew.
    const weir = await startWeir({ env: { LEASE_SECONDS: '0' } });
    const clients = [clientsAt(weir.pushAddress), clientsAt(weir.pullAddress)] as const;
    t.after(async () => {
      for (const { close } of clients) close();
      await weir.stop();
    });
    const asset = sampleAsset();
    await putBatch(clients[0], asset.blobs);
    await pushBlob(clients[0], ['urn:leased'], asset.proto.digest, asset.fields);
    const files = [
      assetFile(weir.volume, 'blob', 'urn:leased'),
      ...asset.blobs.map((blob) => blobFile(weir.volume, blob)),
    ];
    const longAgo = 1_000_000;
    for (const reader of clients) {
      for (const file of files) await utimes(file, longAgo, longAgo);
      await fetchBlob(reader, ['urn:leased']);
      for (const file of files) assert.ok((await stat(file)).mtimeMs > longAgo * 1000, file);
    }
  });
});
