// weir cp at doors: who is let in, and what is said to those who are not.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ChannelCredentials } from '@grpc/grpc-js';
import { startArtifactServer } from '../support/bst-artifact-server.ts';
import { authorizeOnly, newClient, newServerPair } from '../support/certificates.ts';
import { assertPullable, key, pushThings } from '../support/copied-things.ts';
import { copied, copySite, sharedSource, startCopy } from '../support/cp.ts';
import { newToken } from '../support/tokens.ts';
import { clientsAt, failure } from '../support/wire.ts';

const source = sharedSource();

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-cp-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

void test('a port for pulling refuses with its own sentence, and nothing is there afterwards', async (t) => {
  const [from, to] = [await source(), await copySite(t)];
  const report = await copied(t, 1, [from.weir.volume, to.pullUrl, key]);
  assert.deepEqual(report.names, { copied: 0, present: 0, skipped: 0, failed: 1 });
  assert.match(
    report.problems[0]?.why ?? '',
    /PERMISSION_DENIED: this port is for pulling only; to push, use/,
  );
  const { status } = await failure(to.pull.references.getReference({ instanceName: '', key }));
  assert.equal(status, 'NOT_FOUND');
});

void test('where all fails it does not try every name', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const { tree } = await pushThings(from.push);
  const keys = Array.from({ length: 60 }, (_, index) => `project/many/${index}`);
  await from.push.references.updateReference({ instanceName: '', keys, digest: tree.root.digest });
  const report = await copied(t, 1, [from.weir.volume, to.pullUrl, '--ref', 'project/many/*', '--jobs', '1']);
  assert.equal(report.names.failed, 20);
  assert.ok(!report.whole);
  assert.match(report.error ?? '', /20 names in a row failed.*PERMISSION_DENIED/);
});

void test('over TLS with a client certificate, in both directions; without it nobody gets in', async (t) => {
  const folder = await folderOf(t);
  const pair = await newServerPair(folder);
  const [user, stranger] = [await newClient(folder, 'user'), await newClient(folder, 'stranger')];
  await authorizeOnly(folder, user);
  const serverCert = join(folder, 'server.crt');
  const flags = [
    `--server-key=${join(folder, 'server.key')}`,
    `--server-cert=${serverCert}`,
    `--client-certs=${join(folder, 'authorized.crt')}`,
    '--enable-push',
    '--head-room-min=1000000',
  ];
  const server = await startArtifactServer('weir', join(folder, 'repository'), flags);
  t.after(async () => void (await server.stop()));
  const credentials = ChannelCredentials.createSsl(
    Buffer.from(pair.certificatePem),
    Buffer.from(user.keyPem),
    Buffer.from(user.certificatePem),
  );
  const clients = clientsAt(`localhost:${server.port}`, credentials);
  t.after(() => clients.close());
  const { things, ...from } = await source();
  const to = await copySite(t);
  const url = `https://localhost:${server.port}`;
  const trust = ['--server-cert', serverCert];
  const asUser = ['--client-key', user.keyFile, '--client-cert', user.certificateFile];
  const asStranger = ['--client-key', stranger.keyFile, '--client-cert', stranger.certificateFile];

  for (const door of [[], trust, [...trust, ...asStranger], asUser]) {
    const refused = await startCopy(t, [from.weir.volume, url, ...door, '--retries', '0']).ended;
    assert.deepEqual({ code: refused.code, out: refused.out }, { code: 1, out: '' }, refused.err);
    assert.match(refused.err, /UNAVAILABLE|UNAUTHENTICATED/);
  }
  const there = await copied(t, 0, [from.weir.volume, url, ...trust, ...asUser]);
  assert.equal(there.names.copied, things.refs.length);
  await assertPullable(clients, things);
  const back = [...trust, ...asUser].map((word) => word.replace(/^--/, '--from-'));
  await copied(t, 0, [url, to.pushUrl, ...things.refs, ...back]);
  await assertPullable(to.pull, things);
});

void test('with an access token of the role push; without one the server says what to do', async (t) => {
  const folder = await folderOf(t);
  const [pushing, pulling] = [newToken('mirror', 'push'), newToken('laptop', 'pull')];
  const list = join(folder, 'tokens.txt');
  await writeFile(list, `${pushing.line}\n${pulling.line}\n`);
  const { things, ...from } = await source();
  const to = await copySite(t, { env: { TOKENS_FILE: list } });
  const files = { push: join(folder, 'push'), pull: join(folder, 'pull') };
  await writeFile(files.push, `${pushing.token}\n`);
  await writeFile(files.pull, `${pulling.token}\n`);
  const args = [from.weir.volume, to.pushUrl];

  const nobody = await startCopy(t, args).ended;
  assert.equal(nobody.code, 1);
  assert.match(nobody.err + nobody.out, /UNAUTHENTICATED/);
  const reader = await copied(t, 1, [...args, '--token-file', files.pull]);
  assert.match(
    reader.problems[0]?.why ?? '',
    /PERMISSION_DENIED: the access token "laptop" has the role pull/,
  );
  assert.equal((await copied(t, 0, [...args, '--token-file', files.push])).names.copied, things.refs.length);
  await assertPullable(to.pull, things);
});

void test('a token is not sent where anybody could read it', async (t) => {
  const folder = await folderOf(t);
  const token = join(folder, 'token');
  await writeFile(token, 'weir_secret');
  const args = ['http://cache.example.com:11001', join(folder, 'new'), 'a/b/c', '--from-token-file', token];
  const { code, err } = await startCopy(t, args).ended;
  assert.equal(code, 2);
  assert.match(err, /no https address: anybody on the way could read the access token/);
});
