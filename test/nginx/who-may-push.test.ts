import assert from 'node:assert/strict';
import { ClientError, Metadata, Status } from 'nice-grpc';
import type { ByteStreamClient } from '../../src/gen/google/bytestream/bytestream.ts';
import { authorize, newClient, newOpensslClient } from '../support/certificates.ts';
import type { TestPairOptions } from '../support/certificates.ts';
import { testWith } from '../support/real-parts.ts';
import { startSite } from './site.ts';

const test = testWith('nginx');

async function call(client: ByteStreamClient, metadata = Metadata()): Promise<void> {
  await client.queryWriteStatus({ resourceName: 'x' }, { metadata });
}

test('the pull port answers anyone, with a certificate or without', async (t) => {
  const site = await startSite(t);
  await call(await site.client('pull'));
  await call(await site.client('pull', await newClient(site.certsDir, 'stranger')));
  assert.deepEqual(
    site.backend.calls.map(({ listener }) => listener),
    ['pull', 'pull'],
  );
});

test('the push port lets an authorised certificate in, and says whose it is', async (t) => {
  const site = await startSite(t);
  await call(await site.client('push', site.firstClient));
  const { listener, metadata } = site.backend.lastCall();
  assert.equal(listener, 'push');
  assert.equal(metadata.get('x-weir-client-fingerprint'), site.firstClient.fingerprint);
  assert.equal(metadata.get('x-weir-client-subject'), 'CN=client');
  assert.equal(metadata.get('x-forwarded-for'), '127.0.0.1');
});

interface Refusal {
  who: string;
  pair?: TestPairOptions;
  listed?: boolean;
  message: RegExp;
}

const refusals: Refusal[] = [
  { who: 'no certificate', message: /needs a client certificate and none was sent\. Set client-key/ },
  { who: 'a stranger’s certificate', pair: {}, message: /not authorised to push\. Ask the operator/ },
  {
    who: 'a stranger’s certificate with the subject of an authorised one',
    pair: { commonName: 'client' },
    message: /not authorised to push/,
  },
  {
    who: 'an expired certificate on the list',
    pair: { validity: 'expired' },
    listed: true,
    message: /has expired\. Make a new pair/,
  },
  {
    who: 'a certificate on the list that is not valid yet',
    pair: { validity: 'not yet valid' },
    listed: true,
    message: /not valid yet\. Compare this machine's clock/,
  },
];

for (const { who, pair, listed, message } of refusals) {
  test(`the push port refuses ${who} with UNAUTHENTICATED and a sentence`, async (t) => {
    const site = await startSite(t);
    const stranger = pair && (await newClient(site.certsDir, 'someone', pair));
    if (stranger && listed) await authorize(site.certsDir, stranger);
    await site.nginx.reload();
    const client = await site.client('push', stranger);
    await assert.rejects(call(client), (error) => isRefusal(error, message));
    assert.deepEqual(site.backend.calls, []);
  });
}

testWith('nginx', 'openssl')('a listed certificate cannot authorise others by signing them', async (t) => {
  const site = await startSite(t);
  // Certificates made by `weir certs` say CA:FALSE, which would stop that by itself; openssl's say CA:TRUE.
  const issuer = await newOpensslClient(site.certsDir, 'issuer');
  const signed = await newClient(site.certsDir, 'signed', { issuer });
  await authorize(site.certsDir, issuer);
  await site.nginx.reload();
  await call(await site.client('push', issuer));
  await assert.rejects(call(await site.client('push', signed)), (error) =>
    isRefusal(error, /not authorised/),
  );
  // The chain verified: it was the list of fingerprints that refused.
  assert.equal((await site.nginx.accessLog()).at(-1)?.verify, 'SUCCESS');
});

test('identity headers sent by a client are stripped on both ports', async (t) => {
  const site = await startSite(t);
  const spoofed = () =>
    Metadata({
      'x-weir-client-fingerprint': ['f'.repeat(64), 'e'.repeat(64)],
      'X-Weir-Client-Subject': 'CN=root',
      'x-forwarded-for': '198.51.100.1',
    });
  await call(await site.client('pull'), spoofed());
  const pull = site.backend.lastCall().metadata;
  assert.deepEqual(pull.getAll('x-weir-client-fingerprint'), []);
  assert.deepEqual(pull.getAll('x-weir-client-subject'), []);
  assert.deepEqual(pull.getAll('x-forwarded-for'), ['127.0.0.1']);
  await call(await site.client('push', site.firstClient), spoofed());
  const push = site.backend.lastCall().metadata;
  assert.deepEqual(push.getAll('x-weir-client-fingerprint'), [site.firstClient.fingerprint]);
  assert.deepEqual(push.getAll('x-weir-client-subject'), ['CN=client']);
  assert.deepEqual(push.getAll('x-forwarded-for'), ['127.0.0.1']);
});

test('two users with the same subject are told apart', async (t) => {
  const site = await startSite(t);
  const other = await newClient(site.certsDir, 'other', { commonName: 'client' });
  await authorize(site.certsDir, other);
  await site.nginx.reload();
  for (const pair of [site.firstClient, other]) {
    await call(await site.client('push', pair));
    assert.equal(site.backend.lastCall().metadata.get('x-weir-client-fingerprint'), pair.fingerprint);
  }
});

test('the access log has a line of JSON for calls and for refusals', async (t) => {
  const site = await startSite(t);
  await call(await site.client('push', site.firstClient));
  await assert.rejects(call(await site.client('push')));
  const [accepted, refused] = await site.nginx.accessLog();
  assert.equal(accepted?.listener, 'push');
  assert.equal(accepted.method, '/google.bytestream.ByteStream/QueryWriteStatus');
  assert.equal(accepted.grpc_status, '0');
  assert.equal(accepted.verify, 'SUCCESS');
  assert.equal(accepted.subject, 'CN=client');
  assert.equal(accepted.fingerprint, site.firstClient.fingerprint);
  assert.equal(refused?.grpc_status, '16');
  assert.equal(refused.verify, 'NONE');
});

function isRefusal(error: unknown, message: RegExp): boolean {
  assert.ok(error instanceof ClientError, String(error));
  assert.equal(error.code, Status.UNAUTHENTICATED, error.message);
  assert.match(error.details, message);
  return true;
}
