import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client, ChannelCredentials } from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc';
import { served } from '../support/served.ts';
import { pushBlob, pushDirectory } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Clients,
  clientsAt,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const claimed = Metadata({
  'x-weir-client-fingerprint': 'f'.repeat(64),
  'x-weir-client-subject': 'CN=somebody',
});

describe('the pull and the push listener', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  test('refuse every write for pulling, with a message that names the push port', async () => {
    const blob = randomBlob(10);
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    const writes = [
      () => write(pull, uploadName(blob), blob.data),
      () => putBatch(pull, [blob]),
      () => pull.references.updateReference({ instanceName: '', keys: ['a/b/c'], digest: tree.root.digest }),
      () => pushBlob(pull, ['urn:a'], tree.root.digest),
      () => pushDirectory(pull, ['urn:a'], tree.root.digest),
      () =>
        pull.references.updateReference(
          { instanceName: '', keys: ['a/b/c'], digest: tree.root.digest },
          { metadata: claimed },
        ),
    ];
    for (const attempt of writes) {
      const { status, message } = await failure(attempt());
      assert.equal(status, 'PERMISSION_DENIED');
      assert.match(message, /port 11002 with a client certificate/);
    }
    assert.deepEqual(await findMissing(pull, [blob.digest]), [blob.digest.hash]);
    assert.equal(
      (await failure(pull.references.getReference({ instanceName: '', key: 'a/b/c' }))).status,
      'NOT_FOUND',
    );
  });

  test('say what may be done there', async () => {
    assert.equal((await pull.references.status({ instanceName: '' })).allowUpdates, false);
    assert.equal((await push.references.status({ instanceName: 'a/b' })).allowUpdates, true);
    for (const [clients, mayUpdate] of [
      [pull, false],
      [push, true],
    ] as const) {
      const { cacheCapabilities, lowApiVersion } = await clients.capabilities.getCapabilities({
        instanceName: 'main/a',
      });
      assert.equal(cacheCapabilities?.actionCacheUpdateCapabilities?.updateEnabled, mayUpdate);
      assert.equal(lowApiVersion?.major, 2);
    }
  });

  test('log who pushed what, as the proxy on the socket says', async () => {
    const tree = sampleTree();
    await putBatch(push, tree.blobs);
    await push.references.updateReference(
      { instanceName: '', keys: ['who/pushed/this'], digest: tree.root.digest },
      { metadata: claimed },
    );
    await eventually(() => weir.output().includes('"who/pushed/this"'));
    const line = weir
      .output()
      .split('\n')
      .find((text) => text.includes('"who/pushed/this"'));
    const entry = JSON.parse(line ?? '{}') as Record<string, unknown>;
    assert.equal(entry['message'], 'pushed');
    assert.equal(entry['level'], 'info');
    assert.equal(entry['fingerprint'], 'f'.repeat(64));
    assert.equal(entry['subject'], 'CN=somebody');
    assert.equal(entry['blobs'], 7);
    assert.equal(
      entry['bytes'],
      tree.blobs.reduce((sum, { data }) => sum + data.length, 0),
    );
  });

  test('do not believe a client on a port about who it is', async () => {
    const own = await startWeir({ tcp: true });
    const clients = clientsAt(own.pushAddress);
    const tree = sampleTree();
    await putBatch(clients, tree.blobs);
    await clients.references.updateReference(
      { instanceName: '', keys: ['p/e/k'], digest: tree.root.digest },
      { metadata: claimed },
    );
    await eventually(() => own.output().includes('"pushed"'));
    assert.ok(!own.output().includes('f'.repeat(64)));
    clients.close();
    await own.stop();
  });

  test('answer UNIMPLEMENTED for services that are not there, as clients expect that look for some', async () => {
    const path = '/build.bazel.remote.execution.v2.Execution/Execute';
    const code = await new Promise<number | undefined>((resolve) => {
      const identity = (bytes: Buffer) => bytes;
      const client = new Client(weir.pushAddress, ChannelCredentials.createInsecure());
      client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (error) => {
        client.close();
        resolve(error?.code);
      });
    });
    assert.equal(code, 12);
  });
});
