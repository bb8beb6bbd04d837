import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ChannelCredentials } from '@grpc/grpc-js';
import { authorize, newClient, newOpensslClient, readPair, type TestPair } from '../support/certificates.ts';
import { startNginx } from '../support/nginx.ts';
import { testWith } from '../support/real-parts.ts';
import { bearer, newToken } from '../support/tokens.ts';
import { startWeir } from '../support/weir.ts';
import { type Clients, clientsAt, failure, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const test = testWith('nginx');
const pushToken = newToken('ci', 'push');
const pullToken = newToken('laptops', 'pull');

interface TokenSite {
  readonly firstClient: TestPair;
  readonly stranger: TestPair;
  client(listener: 'pull' | 'push', headers?: Record<string, string>, pair?: TestPair): Promise<Clients>;
  accessLog(): Promise<string>;
  readonly certsDir: string;
  reload(): Promise<void>;
}

/** Weir, with a list of tokens or without one, behind nginx that lets tokens through or does not. */
async function startSite(t: TestContext, pushTokens: 'on' | 'off', list: boolean): Promise<TokenSite> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-tokens-'));
  const [socketsDir, certsDir, tokensFile] = ['sockets', 'certs', 'tokens'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await mkdir(socketsDir);
  await writeFile(tokensFile, `${pushToken.line}\n${pullToken.line}\n`);
  const weir = await startWeir({ socketsDir, env: list ? { TOKENS_FILE: tokensFile } : {} });
  const nginx = await startNginx({ socketsDir, certsDir, workDir: join(folder, 'work'), pushTokens });
  const opened: Clients[] = [];
  t.after(async () => {
    for (const clients of opened) clients.close();
    await nginx.stop();
    await weir.stop();
    await rm(folder, { recursive: true });
  });
  const root = await readFile(join(certsDir, 'server.crt'));
  return {
    firstClient: await readPair(join(certsDir, 'client.crt'), join(certsDir, 'client.key')),
    stranger: await newClient(certsDir, 'stranger'),
    client(listener, headers = {}, pair) {
      const credentials = pair
        ? ChannelCredentials.createSsl(root, Buffer.from(pair.keyPem), Buffer.from(pair.certificatePem))
        : ChannelCredentials.createSsl(root);
      const port = listener === 'pull' ? nginx.pullPort : nginx.pushPort;
      const clients = clientsAt(`localhost:${port}`, credentials, headers);
      opened.push(clients);
      return Promise.resolve(clients);
    },
    certsDir,
    reload: () => nginx.reload(),
    accessLog: () => readFile(join(folder, 'work', 'run', 'access.log'), 'utf8'),
  };
}

const reads = async (client: Clients) => await findMissing(client, [randomBlob(10).digest]);
const writes = async (client: Clients) => await putBatch(client, [randomBlob(10)]);

async function refusal(call: Promise<unknown>, message: RegExp, status = 'UNAUTHENTICATED'): Promise<void> {
  const found = await failure(call);
  assert.equal(found.status, status, found.message);
  assert.match(found.message, message);
}

/** What no client may have: what nginx says of clients. */
const forged = {
  'x-weir-client-fingerprint': 'f'.repeat(64),
  'x-weir-client-subject': 'CN=root',
  'x-weir-unverified': '1',
};

test('a token pushes through nginx without a certificate, where tokens are on', async (t) => {
  const site = await startSite(t, 'on', true);
  await writes(await site.client('push', pushToken.headers));
  await writes(await site.client('push', {}, site.firstClient));
  await writes(await site.client('push', pushToken.headers, site.firstClient));
  const puller = await site.client('push', pullToken.headers);
  await reads(puller);
  await refusal(writes(puller), /"laptops" has the role pull/, 'PERMISSION_DENIED');
  assert.ok(!(await site.accessLog()).includes(pushToken.token));
});

test('without a good token or certificate the push port lets nobody in, where tokens are on', async (t) => {
  const site = await startSite(t, 'on', true);
  const none = /needs a client certificate and none was sent.* or an access token; pulling needs none/;
  await refusal(reads(await site.client('push')), none);
  await refusal(reads(await site.client('push', forged)), none);
  await refusal(reads(await site.client('push', bearer('x'))), /access token is not known here/);
  await refusal(writes(await site.client('push', { ...forged, ...bearer('x') })), /is not known here/);
  // A certificate that is shown has to be a good one.
  const { stranger, firstClient } = site;
  await refusal(writes(await site.client('push', pushToken.headers, stranger)), /not authorised to push/);
  await refusal(writes(await site.client('push', bearer('x'), firstClient)), /is not known here/);
});

test('what nginx lets through with any token is refused by a server that knows none', async (t) => {
  const site = await startSite(t, 'on', false);
  for (const headers of [pushToken.headers, bearer('x'), { ...forged, ...pushToken.headers }]) {
    await refusal(writes(await site.client('push', headers)), /takes no access tokens/);
  }
  await writes(await site.client('push', {}, site.firstClient));
  await writes(await site.client('push', { ...forged, ...pushToken.headers }, site.firstClient));
  // The mark is nginx's, on both ports.
  await reads(await site.client('pull', forged));
});

testWith('nginx', 'openssl')(
  'a token does not help a certificate that a listed one has signed',
  async (t) => {
    const site = await startSite(t, 'on', true);
    const issuer = await newOpensslClient(site.certsDir, 'issuer');
    const signed = await newClient(site.certsDir, 'signed', { issuer });
    await authorize(site.certsDir, issuer);
    await site.reload();
    await writes(await site.client('push', {}, issuer));
    await refusal(writes(await site.client('push', pushToken.headers, signed)), /not authorised to push/);
  },
);

test('where tokens are off, nginx lets nobody through without a certificate', async (t) => {
  const site = await startSite(t, 'off', true);
  const none = /none was sent\. Set client-key and client-cert for this cache; pulling/;
  await refusal(writes(await site.client('push', pushToken.headers)), none);
  await writes(await site.client('push', pushToken.headers, site.firstClient));
});

test('the pull port takes tokens, and gives them no more than to anyone', async (t) => {
  const site = await startSite(t, 'on', true);
  await reads(await site.client('pull'));
  const client = await site.client('pull', { ...forged, ...pushToken.headers });
  await reads(client);
  await refusal(writes(client), /for pulling only/, 'PERMISSION_DENIED');
  await refusal(reads(await site.client('pull', bearer('x'))), /is not known here/);
});

test('nginx does not start with another value than on and off', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-tokens-'));
  t.after(() => rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  const pushTokens = 'yes' as 'on';
  const options = { socketsDir: folder, certsDir: join(folder, 'certs'), workDir: join(folder, 'work') };
  await assert.rejects(startNginx({ ...options, pushTokens }), /push-tokens-yes\.conf/);
});
