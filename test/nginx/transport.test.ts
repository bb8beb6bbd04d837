import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage, ClientRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, createChannel, createClient } from 'nice-grpc';
import { ByteStreamDefinition } from '../../src/gen/google/bytestream/bytestream.ts';
import { testWith } from '../support/real-parts.ts';
import { startSite } from './site.ts';

const test = testWith('nginx');

/** The version agreed on, or the error of a handshake that failed. */
async function handshake(port: number, ca: string, version: SecureVersion): Promise<string> {
  const socket = connect({
    port,
    host: 'localhost',
    ca,
    minVersion: version,
    maxVersion: version,
    // This side must be willing, so that it is nginx that refuses old versions.
    ciphers: 'DEFAULT:@SECLEVEL=0',
  });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getProtocol());
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

test('both ports speak TLS 1.2 and 1.3 and refuse older versions', async (t) => {
  const site = await startSite(t);
  const ca = await site.serverCertificate();
  for (const port of [site.nginx.pullPort, site.nginx.pushPort]) {
    assert.equal(await handshake(port, ca, 'TLSv1.3'), 'TLSv1.3');
    assert.equal(await handshake(port, ca, 'TLSv1.2'), 'TLSv1.2');
    assert.equal(await handshake(port, ca, 'TLSv1.1'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  }
});

test('a TLS session can be resumed on the pull port, but never on the push port, where it would not be verified again', async (t) => {
  const site = await startSite(t);
  const { keyPem: key, certificatePem: cert } = site.firstClient;
  const ca = await site.serverCertificate();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { host: 'localhost', ca, key, cert, minVersion: version, maxVersion: version };
    assert.equal(await resumes({ ...options, port: site.nginx.pullPort }), true, version);
    assert.equal(await resumes({ ...options, port: site.nginx.pushPort }), false, version);
  }
});

test('an http:// request to a TLS port is told to use https', async (t) => {
  const site = await startSite(t);
  for (const port of [site.nginx.pullPort, site.nginx.pushPort]) {
    const { response, body } = await answerTo(httpRequest({ port, host: '127.0.0.1' }));
    assert.equal(response.statusCode, 400);
    assert.match(body, /speaks TLS: use an https:\/\/ url/);
  }
});

test('a gRPC client without TLS fails instead of hanging', async (t) => {
  const site = await startSite(t);
  const channel = createChannel(
    `http://127.0.0.1:${site.nginx.pullPort}`,
    ChannelCredentials.createInsecure(),
  );
  t.after(() => channel.close());
  const client = createClient(ByteStreamDefinition, channel);
  await assert.rejects(client.queryWriteStatus({ resourceName: 'x' }), ClientError);
});

test('a browser is told what the port is for', async (t) => {
  const site = await startSite(t);
  const ca = await site.serverCertificate();
  const { response, body } = await answerTo(
    httpsRequest({ port: site.nginx.pullPort, host: 'localhost', ca }),
  );
  assert.equal(response.statusCode, 415);
  assert.match(body, /This port speaks gRPC/);
  assert.deepEqual(site.backend.calls, []);
});

/** Whether a second connection goes on with the session of a first. */
async function resumes(options: ConnectionOptions): Promise<boolean> {
  const first = connect(options);
  let session: Buffer | undefined;
  first.on('session', (received: Buffer) => (session = received));
  // TLS 1.3 sends sessions after the handshake, so an answer is waited for.
  first.write('GET / HTTP/1.0\r\n\r\n');
  first.resume();
  await once(first, 'close');
  const second = connect({ ...options, ...(session ? { session } : {}) });
  await once(second, 'secureConnect');
  const reused = second.isSessionReused();
  second.destroy();
  return reused;
}

async function answerTo(request: ClientRequest): Promise<{ response: IncomingMessage; body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject).end();
  });
  return { response, body: await text(response) };
}
