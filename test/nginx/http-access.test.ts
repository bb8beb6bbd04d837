// The HTTP cache protocol through nginx: a real weir behind it, and certificates.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ChannelCredentials } from '@grpc/grpc-js';
import { authorize, authorizeOnly, newClient, newOpensslClient } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { gradleKey } from '../support/http-cache.ts';
import { testWith } from '../support/real-parts.ts';
import { bearer, newToken } from '../support/tokens.ts';
import { scraped } from '../support/scraped.ts';
import { clientsAt, downloadName, failure, putBatch, randomBlob, read } from '../support/wire.ts';
import { cas, put, startSite } from './cache-site.ts';

const test = testWith('nginx');
const mebibyte = 1024 * 1024;

test('blobs and values go in by the push port and out by both; gRPC speaks on the same ports', async (t) => {
  const site = await startSite(t);
  const root = Buffer.from(site.trusted);
  const identity = [Buffer.from(site.client.keyPem), Buffer.from(site.client.certificatePem)] as const;
  const push = clientsAt(`localhost:${site.nginx.pushPort}`, ChannelCredentials.createSsl(root, ...identity));
  const pull = clientsAt(`localhost:${site.nginx.pullPort}`, ChannelCredentials.createSsl(root));
  t.after(() => {
    push.close();
    pull.close();
  });
  const [overHttp, overGrpc] = [randomBlob(mebibyte), randomBlob(1000)];
  await put(site, overHttp);
  await putBatch(push, [overGrpc]);
  assert.deepEqual(await read(pull, downloadName(overHttp)), Buffer.from(overHttp.data));
  for (const listener of ['pull', 'push'] as const) {
    const { status, body } = await site.ask('GET', listener, cas(overGrpc));
    assert.deepEqual([status, body], [200, Buffer.from(overGrpc.data)]);
  }
  const key = `/team/ac/${gradleKey()}`;
  assert.equal((await site.ask('PUT', 'push', key, { body: Buffer.from('value') })).status, 200);
  assert.equal((await site.ask('GET', 'pull', key)).body.toString(), 'value');
  assert.equal((await site.ask('HEAD', 'pull', cas(overHttp))).headers['content-length'], String(mebibyte));
  assert.equal((await site.ask('GET', 'pull', cas(randomBlob(1)))).status, 404);
});

test('a PUT on the pull port is 403, with the authorised certificate too', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(3 * mebibyte);
  for (const pair of ['none', site.client] as const) {
    const { status, body } = await site.ask('PUT', 'pull', cas(blob), { body: blob.data, pair });
    assert.equal(status, 403);
    assert.match(body.toString(), /for pulling only/);
  }
  assert.equal((await site.ask('GET', 'pull', cas(blob))).status, 404);
});

test('the push port refuses strangers with 403 and a sentence, for reading and for writing', async (t) => {
  const site = await startSite(t);
  const stranger = await newClient(site.certsDir, 'stranger', { commonName: 'client' });
  const blob = randomBlob(100);
  const cases = [
    ['none', /needs a client certificate and none was sent/],
    [stranger, /not authorised to push/],
  ] as const;
  for (const [pair, sentence] of cases) {
    for (const method of ['GET', 'PUT']) {
      for (const path of [cas(blob), '/weir-volume/cas/x', `/weir-volume${cas(blob)}`, '/']) {
        const answer = await site.ask(method, 'push', path, { pair, body: blob.data });
        assert.equal(answer.status, 403, path);
        assert.match(answer.headers['content-type'] ?? '', /text\/plain/);
        assert.match(answer.body.toString(), sentence);
      }
    }
  }
  assert.equal((await site.ask('GET', 'pull', cas(blob))).status, 404);
});

testWith('nginx', 'openssl')('a certificate that a listed one has signed can push by no path', async (t) => {
  const site = await startSite(t);
  const issuer = await newOpensslClient(site.certsDir, 'issuer');
  const signed = await newClient(site.certsDir, 'signed', { issuer });
  await authorize(site.certsDir, issuer);
  await site.nginx.reload();
  const blob = randomBlob(100);
  assert.equal(
    (await site.ask('PUT', 'push', cas(randomBlob(1)), { pair: issuer, body: Buffer.alloc(0) })).status,
    400,
  );
  for (const path of [cas(blob), `/weir-volume${cas(blob)}`, `/weir-volume/x${cas(blob)}`]) {
    const { status, body } = await site.ask('PUT', 'push', path, { pair: signed, body: blob.data });
    assert.equal(status, 403, path);
    assert.match(body.toString(), /not authorised/);
  }
  assert.equal((await site.ask('GET', 'pull', cas(blob))).status, 404);
});

test('a token pushes without a certificate where tokens are on, and no other does by any path', async (t) => {
  const [pushing, pulling] = [newToken('ci', 'push'), newToken('laptops', 'pull')];
  const site = await startSite(t, { tokens: [pushing.line, pulling.line] });
  const blob = randomBlob(100);
  const statusOf = async (path: string, headers?: Record<string, string>) =>
    (await site.ask('PUT', 'push', path, { pair: 'none', body: blob.data, ...(headers && { headers }) }))
      .status;
  for (const path of [cas(blob), `/weir-volume${cas(blob)}`]) {
    assert.equal(await statusOf(path), 403, 'nginx lets nobody through who shows nothing');
    assert.equal(await statusOf(path, bearer('unknown')), 401);
    assert.equal(await statusOf(path, pulling.headers), 403);
    assert.equal(await statusOf(path, { ...pulling.headers, 'x-weir-unverified': '' }), 403);
  }
  assert.equal((await site.ask('GET', 'pull', cas(blob))).status, 404);
  assert.equal(await statusOf(cas(blob), pushing.headers), 200);
  assert.deepEqual((await site.ask('GET', 'pull', cas(blob))).body, Buffer.from(blob.data));
});

test('a client taken off the list is refused within moments, without a restart', async (t) => {
  const site = await startSite(t);
  await put(site, randomBlob(10));
  await authorizeOnly(site.certsDir, await newClient(site.certsDir, 'other'));
  await eventually(async () => {
    const blob = randomBlob(10);
    return (await site.ask('PUT', 'push', cas(blob), { body: blob.data })).status === 403;
  });
});

test('weir logs who pushes, and believes nothing that a client says of itself', async (t) => {
  const site = await startSite(t, { env: { LOG_LEVEL: 'debug' } });
  const [pushed, pulled] = [gradleKey(), gradleKey()];
  const headers = { 'x-weir-client-fingerprint': 'f'.repeat(64), 'x-forwarded-for': '198.51.100.1' };
  await site.ask('PUT', 'push', `/ac/${pushed}`, { body: Buffer.from('x'), headers });
  await site.ask('GET', 'pull', `/ac/${pulled}`, { headers });
  const entryOf = async (key: string) => {
    const line = () =>
      site.weir
        .output()
        .split('\n')
        .find((candidate) => candidate.includes(key));
    await eventually(() => line() !== undefined);
    return JSON.parse(line() ?? '{}') as Record<string, unknown>;
  };
  const push = await entryOf(pushed);
  assert.equal(push['fingerprint'], site.client.fingerprint);
  assert.equal(push['peer'], '127.0.0.1');
  const pull = await entryOf(pulled);
  assert.equal(pull['fingerprint'], undefined);
  assert.equal(pull['peer'], '127.0.0.1');
});

test('an upload reaches weir while its client is still sending; one that breaks off leaves nothing', async (t) => {
  const site = await startSite(t);
  const session = connect(`https://localhost:${site.nginx.pushPort}`, {
    ca: site.trusted,
    key: site.client.keyPem,
    cert: site.client.certificatePem,
  });
  t.after(() => session.destroy());
  const blob = randomBlob(2 * mebibyte);
  const received = async () => await scraped(site.weir.opsUrl, 'weir_received_bytes_total');
  const upload = session.request({
    ':method': 'PUT',
    ':path': cas(blob),
    'content-length': String(blob.data.length),
  });
  upload.on('error', () => {});
  upload.write(blob.data.subarray(0, mebibyte));
  await eventually(async () => (await received()) === mebibyte);
  upload.end(blob.data.subarray(mebibyte));
  const [headers] = (await once(upload, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 200);
  upload.resume();

  const broken = session.request({ ':method': 'PUT', ':path': cas(randomBlob(1)), 'content-length': '1000' });
  broken.on('error', () => {});
  broken.write('abc');
  await eventually(async () => (await scraped(site.weir.opsUrl, 'weir_calls_in_flight')) === 1);
  broken.close();
  await eventually(async () => (await scraped(site.weir.opsUrl, 'weir_calls_in_flight')) === 0);
});

test('while weir is away, HTTP clients get 503 with Retry-After, and gRPC clients UNAVAILABLE', async (t) => {
  const site = await startSite(t);
  await site.weir.kill();
  for (const [method, listener] of [
    ['GET', 'pull'],
    ['PUT', 'push'],
  ] as const) {
    const answer = await site.ask(method, listener, cas(randomBlob(1)), { body: Buffer.from('x') });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.match(answer.body.toString(), /The cache is not ready/);
  }
  const root = Buffer.from(site.trusted);
  const pull = clientsAt(`localhost:${site.nginx.pullPort}`, ChannelCredentials.createSsl(root));
  t.after(() => pull.close());
  const { status } = await failure(read(pull, downloadName(randomBlob(1))));
  assert.equal(status, 'UNAVAILABLE');
});

testWith('nginx', 'curl')('curl puts and gets, with a question before a large body', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(2 * mebibyte);
  const curl = promisify(execFile);
  const common = ['--silent', '--show-error', '--fail', '--cacert', join(site.certsDir, 'server.crt')];
  const identity = ['--cert', join(site.certsDir, 'client.crt'), '--key', join(site.certsDir, 'client.key')];
  const upload = curl('curl', [
    ...common,
    ...identity,
    '--header',
    'Expect: 100-continue',
    '--upload-file',
    '-',
    `https://localhost:${site.nginx.pushPort}${cas(blob)}`,
  ]);
  upload.child.stdin?.end(blob.data);
  await upload;
  const { stdout } = await curl('curl', [...common, `https://localhost:${site.nginx.pullPort}${cas(blob)}`], {
    encoding: 'buffer',
    maxBuffer: 2 * blob.data.length,
  });
  assert.deepEqual(stdout, Buffer.from(blob.data));
});
