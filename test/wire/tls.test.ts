import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { type ArtifactServer, startArtifactServer } from '../support/bst-artifact-server.ts';
import {
  authorizeOnly,
  newClient,
  newOpensslClient,
  newServerPair,
  type TestPair,
} from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { sampleTree } from '../support/trees.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';

describe('bst-artifact-server with TLS in the process', () => {
  let folder: string;
  let server: ArtifactServer;
  let serverPair: TestPair;
  let user: TestPair;
  let other: TestPair;
  let authority: TestPair;
  const open: Clients[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-tls-'));
    serverPair = await newServerPair(folder);
    user = await newClient(folder, 'user');
    other = await newClient(folder, 'other');
    authority = await newOpensslClient(folder, 'authority');
    await authorizeOnly(folder, user, other, authority);
    const flags = ['--server-key', join(folder, 'server.key'), '--server-cert', join(folder, 'server.crt')];
    const clients = [
      '--client-certs',
      join(folder, 'authorized.crt'),
      '--enable-push',
      '--head-room-min',
      '1000000',
    ];
    server = await startArtifactServer('weir', join(folder, 'repo'), [...flags, ...clients]);
  });

  after(async () => {
    for (const clients of open) clients.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  /** A client with its own connection that trusts the server's first certificate. */
  function clientsOf(pair: TestPair): Clients {
    const [root, key, certificate] = [serverPair.certificatePem, pair.keyPem, pair.certificatePem].map(
      (text) => Buffer.from(text),
    );
    const clients = clientsAt(
      `localhost:${server.port}`,
      ChannelCredentials.createSsl(root, key, certificate),
    );
    open.push(clients);
    return clients;
  }

  test('knows who pushes from the certificate, whatever the client says of itself', async () => {
    const clients = clientsOf(user);
    const tree = sampleTree();
    await putBatch(clients, tree.blobs);
    await clients.references.updateReference({
      instanceName: '',
      keys: ['who/pushed/this'],
      digest: tree.root.digest,
    });
    await eventually(() => server.output().includes('who/pushed/this'));
    const line =
      server
        .output()
        .split('\n')
        .find((text) => text.includes('who/pushed/this')) ?? '';
    assert.ok(line.includes(user.fingerprint), line);
    assert.ok(line.includes('CN=user'), line);
  });

  test('refuses a certificate that a listed one has signed', async () => {
    // To openssl, a self-signed certificate of its own making is an authority.
    await putBatch(clientsOf(authority), [randomBlob(10)]);
    const signed = await newClient(folder, 'signed', { issuer: authority });
    const { status, message } = await failure(putBatch(clientsOf(signed), [randomBlob(10)]));
    assert.equal(status, 'UNAUTHENTICATED');
    assert.match(message, /not on the list/);
  });

  test('refuses who is taken off the list on the next call, cutting neither that stream nor anybody else', async () => {
    const [leaving, staying] = [clientsOf(other), clientsOf(user)];
    const blob = randomBlob(3_000_000);
    await putBatch(staying, [blob]);
    await putBatch(leaving, [randomBlob(10)]);
    const request = { resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n };
    const stream = leaving.bytes.read(request)[Symbol.asyncIterator]();
    const chunks = [(await stream.next()).value?.data ?? new Uint8Array()];
    await authorizeOnly(folder, user);
    await eventually(async () => {
      const answer = await failure(putBatch(leaving, [randomBlob(10)])).catch(() => undefined);
      return answer?.status === 'UNAUTHENTICATED' && answer.message.includes('not on the list');
    });
    for (let next = await stream.next(); next.done !== true; next = await stream.next())
      chunks.push(next.value.data);
    assert.deepEqual(Buffer.concat(chunks), Buffer.from(blob.data));
    assert.deepEqual(await read(staying, downloadName(blob)), Buffer.from(blob.data));
  });

  test('keeps its certificate when a new one does not fit its key, and shows a new pair without a restart', async () => {
    const before = await shownCertificate(server.port);
    const sound = await readFile(join(folder, 'server.crt'));
    const elsewhere = join(folder, 'elsewhere');
    await newServerPair(elsewhere);
    await writeFile(join(folder, 'server.crt'), await readFile(join(elsewhere, 'server.crt')));
    await eventually(() => server.output().includes('cannot be used; the old ones stay'));
    assert.equal(await shownCertificate(server.port), before);
    // As somebody finds it who looks while it is being written.
    await writeFile(join(folder, 'server.crt'), '');
    await eventually(() => server.output().includes('server.crt is empty'));
    assert.equal(await shownCertificate(server.port), before);
    await writeFile(join(folder, 'server.crt'), sound);
    const renewed = await newServerPair(folder);
    await eventually(async () => (await shownCertificate(server.port)) === renewed.fingerprint);
  });
});

/** SHA-256 of the certificate that a port shows. */
async function shownCertificate(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}
