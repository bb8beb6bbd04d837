// What a client certificate may push, as the file of permissions says it, over gRPC and HTTP.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { resultOf } from '../support/actions.ts';
import { certificateGround, shownBy } from '../support/certificate-ground.ts';
import type { TestPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir } from '../support/weir.ts';
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

/** A weir that is told of certificates, and clients that the proxy vouches for. */
async function site(t: TestContext, env: Record<string, string> = {}) {
  const ground = await certificateGround(t);
  const clients: Clients[] = [];
  const start = async () => {
    const weir = await startWeir({ http: true, env: { CERTIFICATES_FILE: ground.publicFile, ...env } });
    t.after(async () => {
      for (const client of clients) client.close();
      await weir.stop();
    });
    const as = (pair: TestPair | undefined) => {
      const client = clientsAt(weir.pushAddress, undefined, pair && shownBy(pair));
      clients.push(client);
      return client;
    };
    const http = async (pair: TestPair, path: string) => {
      const socketPath = weir.pushAddress.replace('unix:', '').replace('push.sock', 'push-http.sock');
      const answer = await ask('PUT', `http://localhost${path}`, {
        socketPath,
        headers: shownBy(pair),
        body: Buffer.from('value'),
      });
      return { status: answer.status, said: answer.body.toString() };
    };
    return { weir, as, http };
  };
  return { ground, start };
}

async function refused(call: Promise<unknown>, message: RegExp, status = 'PERMISSION_DENIED'): Promise<void> {
  const found = await failure(call);
  assert.equal(found.status, status, found.message);
  assert.match(found.message, message);
}

const uploads = async (client: Clients, instance = '') => {
  const blob = randomBlob(10);
  await write(client, uploadName(blob, instance), blob.data);
};

async function pushes(client: Clients, key: string, instanceName = ''): Promise<void> {
  const tree = sampleTree();
  await uploadTree(client, tree, instanceName);
  await client.references.updateReference({ instanceName, keys: [key], digest: tree.root.digest });
}

async function uploadTree(client: Clients, tree: ReturnType<typeof sampleTree>, instance: string) {
  for (const blob of tree.blobs) await write(client, uploadName(blob, instance), blob.data);
}

const uri = (name: string) => `urn:fdc:buildstream.build:2020:${name}`;

async function pushesAsset(client: Clients, name: string, instanceName = ''): Promise<void> {
  const blob = randomBlob(10);
  await write(client, uploadName(blob, instanceName), blob.data);
  await client.assetPush.pushBlob({
    instanceName,
    uris: [uri(name)],
    qualifiers: [],
    expireAt: undefined,
    blobDigest: blob.digest,
    referencesBlobs: [],
    referencesDirectories: [],
    digestFunction: 0,
  });
}

async function pushesAction(client: Clients, instanceName = ''): Promise<void> {
  await client.actions.updateActionResult({
    instanceName,
    actionDigest: randomBlob(10).digest,
    actionResult: resultOf({ exitCode: 1 }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
}

test('a certificate without a line may push everything, and is called by its name', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  await ground.sync();
  const { weir, as, http } = await start();
  const client = as(ada);
  await pushes(client, 'project/element/key');
  await pushes(client, 'project/element/key', 'main');
  await pushesAsset(client, 'artifact:project/element/key');
  await pushesAction(client);
  assert.equal((await http(ada, '/ac/value')).status, 200);
  await eventually(() =>
    /"message":"pushed".*"certificate":"ada"|"certificate":"ada".*"message":"pushed"/.test(weir.output()),
  );
});

test('a line with prefixes grants references and artifacts that begin so, in that instance, and says so', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  const bob = await ground.user('bob');
  await ground.permissions('# who may what', 'ada push project/element other main:shared/');
  await ground.sync();
  const { as, http } = await start();
  const client = as(ada);
  for (const key of ['project/element/key', 'other/anything/key']) await pushes(client, key);
  await pushes(client, 'shared/element/key', 'main');
  await pushesAsset(client, 'artifact:project/element/key');
  await pushesAsset(client, 'artifact:shared/element/key', 'main');

  const may = /; it may push project\/element other main:shared$/;
  for (const key of ['project/elementary/key', 'project/other/key', 'another/x/key', 'shared/element/key'])
    await refused(pushes(client, key), may);
  await refused(
    pushes(client, 'project/element/key', 'main'),
    /may not push "project\/element\/key" to the instance "main"; it may/,
  );
  // Of several keys each has to be allowed.
  const tree = sampleTree();
  await uploadTree(client, tree, '');
  await refused(
    client.references.updateReference({
      instanceName: '',
      keys: ['project/element/key', 'project/other/key'],
      digest: tree.root.digest,
    }),
    /may not push "project\/other\/key"/,
  );
  assert.equal(
    (await failure(client.references.getReference({ instanceName: '', key: 'project/other/key' }))).status,
    'NOT_FOUND',
  );
  for (const name of ['artifact:project/other/key', 'v1:project/other/key'])
    await refused(pushesAsset(client, name), may);
  await refused(pushesAsset(client, 'source:git/key'), /may not push sources/);
  await refused(pushesAsset(client, 'else'), /may not push assets that are no artifact/);
  await refused(pushesAction(client), /may not push results of actions/);
  const value = await http(ada, '/ac/value');
  assert.equal(value.status, 403);
  assert.match(value.said, /may not push results of actions; it may push project\/element other main:shared/);
  // Whoever has no line is as before.
  await pushes(as(bob), 'project/other/key');
});

test('blobs are bounded by the instance alone', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  await ground.permissions('ada push main:project');
  await ground.sync();
  const { as, http } = await start();
  const client = as(ada);
  await uploads(client, 'main');
  await refused(uploads(client), /may not push blobs; it may push main:project/);
  await refused(uploads(client, 'other'), /may not push blobs to the instance "other"/);
  await refused(putBatch(client, [randomBlob(10)]), /may not push blobs/);
  const hash = '5'.repeat(64);
  assert.equal((await http(ada, `/cas/${hash}`)).status, 403);
  // Taken, and found to be other bytes.
  assert.equal((await http(ada, `/main/cas/${hash}`)).status, 400);
  // Reading goes on everywhere.
  await findMissing(client, [randomBlob(10).digest]);
});

test('whole instances, every instance, sources and results of actions are granted by their words', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  const bob = await ground.user('bob');
  await ground.permissions(
    'ada push main:*',
    'bob push *:project @sources',
    `${bob.fingerprint} push ci:@actions`,
  );
  await ground.sync();
  const { as } = await start();
  const whole = as(ada);
  await pushes(whole, 'anything/else/key', 'main');
  await pushesAction(whole, 'main');
  await pushesAsset(whole, 'else', 'main');
  await refused(pushesAction(whole), /it may push main:\*$/);
  const words = as(bob);
  await pushes(words, 'project/element/key', 'wherever');
  await pushesAsset(words, 'source:git/key');
  await refused(pushesAsset(words, 'source:git/key', 'ci'), /may not push sources to the instance "ci"/);
  await pushesAction(words, 'ci');
  await refused(pushesAction(words), /results of actions/);
  const asked = async (instanceName: string) =>
    (await words.capabilities.getCapabilities({ instanceName })).cacheCapabilities
      ?.actionCacheUpdateCapabilities?.updateEnabled;
  assert.deepEqual([await asked('ci'), await asked('')], [true, false]);
});

test('pull on a line grants nothing, and * is for those who have none of their own', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  const bob = await ground.user('bob');
  await ground.permissions('* pull', 'ada push *');
  await ground.sync();
  const { as, http } = await start();
  await pushes(as(ada), 'project/element/key');
  const client = as(bob);
  await refused(uploads(client), /the client certificate "bob" may push nothing here; ask the operator/);
  assert.match((await http(bob, '/ac/value')).said, /the client certificate "bob" may push nothing here/);
  await findMissing(client, [randomBlob(10).digest]);
  assert.equal((await client.references.status({ instanceName: '' })).allowUpdates, false);
});

test('a line that cannot be used grants nothing to whom it is about, and nobody else feels it', async (t) => {
  const { ground, start } = await site(t);
  const [ada, bob, eve, dan, zoe] = await Promise.all(
    ['ada', 'bob', 'eve', 'dan', 'zoe'].map((name) => ground.user(name)),
  );
  assert.ok(ada && bob && eve && dan && zoe);
  await ground.permissions(
    'ada push pro*ject',
    'bob psuh *',
    'bob push project',
    `${eve.fingerprint.slice(0, 40)} push *`,
    'dan push main:',
  );
  await ground.sync();
  const { as } = await start();
  for (const pair of [ada, eve, dan]) await refused(uploads(as(pair)), /may push nothing here/);
  // What other lines grant is granted.
  await pushes(as(bob), 'project/element/key');
  await refused(pushes(as(bob), 'other/element/key'), /it may push project$/);
  await pushes(as(zoe), 'other/element/key');
});

test('a change of the permissions, or of the list, holds from the next call on, without a restart', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  await ground.sync();
  const { as } = await start();
  const client = as(ada);
  await pushes(client, 'project/element/key');
  await ground.permissions('ada push other');
  await ground.sync();
  await eventually(async () =>
    (await pushes(client, 'project/element/key').then(() => '', String)).includes('it may push other'),
  );
  await ground.permissions('ada push project');
  await ground.sync();
  await eventually(
    async () =>
      await pushes(client, 'project/element/key').then(
        () => true,
        () => false,
      ),
  );
  await rm(`${ground.folder}/authorized/ada.crt`);
  await ground.sync();
  await eventually(async () =>
    (await uploads(client).then(() => '', String)).includes('not on the list of those who may push'),
  );
  assert.equal((await failure(uploads(client))).status, 'UNAUTHENTICATED');
});

test('until the file is there nobody pushes by a certificate, and a broken one changes nothing', async (t) => {
  const { ground, start } = await site(t);
  const ada = await ground.user('ada');
  const { weir, as } = await start();
  const client = as(ada);
  await refused(uploads(client), /does not know yet who may push/, 'UNAVAILABLE');
  // Who shows none is let in by other means, or not at all: what the file says is about certificates.
  await uploads(as(undefined));
  await ground.permissions('ada push main:*');
  await ground.sync();
  await eventually(
    async () =>
      await uploads(client, 'main').then(
        () => true,
        () => false,
      ),
  );
  await writeFile(ground.publicFile, '{"version":1}');
  await eventually(() => weir.output().includes('what was known stays'));
  await uploads(client, 'main');
  await refused(uploads(client), /it may push main/);
});
