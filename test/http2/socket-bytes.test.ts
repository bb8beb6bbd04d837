// Sockets are read into memory that the next reading uses again: there is no more of it, and nobody keeps what was in it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect as connectPlain, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import {
  BatchUpdateBlobsRequest,
  BatchUpdateBlobsResponse,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { eachRead } from '../../src/http2/socket-bytes.ts';
import { newServerPair, type TestPair } from '../support/certificates.ts';
import { framed } from '../support/fuzz-frames.ts';
import { call, callBlock, flag, frame, frameType, greeting, headersOf } from '../support/raw-http2.ts';
import { rawServer } from '../support/raw-server.ts';
import { randomBlob } from '../support/wire.ts';

const sent = randomBytes(3_000_000);
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

void describe('Each reading of a socket', () => {
  let folder: string;
  let pair: TestPair;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-socket-bytes-'));
    pair = await newServerPair(folder);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function bytesOfTwo(
    server: Server,
    event: string,
    connect: (port: number) => Socket,
  ): Promise<number> {
    const memories = new Set<ArrayBufferLike>();
    const hashes: Promise<string>[] = [];
    let mostWhilePaused = 0;
    server.on(event, (socket: Socket) => {
      const hash = createHash('sha256');
      let bytes = 0;
      eachRead(socket, (chunk) => {
        memories.add(chunk.buffer);
        hash.update(chunk);
        bytes += chunk.length;
        // It is not read while it is paused; TLS may have some that is to be decrypted.
        if (bytes > chunk.length) return;
        socket.pause();
        const wasPausedAt = bytes;
        setTimeout(() => {
          mostWhilePaused = Math.max(mostWhilePaused, bytes - wasPausedAt);
          socket.resume();
        }, 50);
      });
      hashes.push(once(socket, 'end').then(() => hash.digest('hex')));
      socket.on('end', () => socket.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const clients = [1, 2].map(() => connect((server.address() as AddressInfo).port));
    for (const client of clients) client.resume().end(sent);
    await Promise.all(clients.map((client) => once(client, 'close')));
    server.close();
    assert.deepEqual(await Promise.all(hashes), [hashOf(sent), hashOf(sent)]);
    assert.equal(memories.size, 1);
    return mostWhilePaused;
  }

  test('goes into the same memory', async () => {
    const whilePaused = await bytesOfTwo(createServer(), 'connection', (port) =>
      connectPlain(port, '127.0.0.1'),
    );
    assert.equal(whilePaused, 0);
  });

  test('does so with TLS', async () => {
    const server = createTlsServer({ cert: pair.certificatePem, key: pair.keyPem });
    const whilePaused = await bytesOfTwo(server, 'secureConnection', (port) =>
      connectTls({ port, host: '127.0.0.1', ca: pair.certificatePem }),
    );
    assert.ok(whilePaused <= 65_536, `${whilePaused} bytes came while it was paused`);
  });
});

const { connect } = rawServer();

void describe('A message', () => {
  // As much as comes in one reading, and one frame.
  const blob = randomBlob(40_000);
  const request = framed(
    BatchUpdateBlobsRequest.encode({
      instanceName: '',
      requests: [{ digest: blob.digest, data: blob.data, compressor: 0 }],
      digestFunction: 0,
    }).finish(),
  );
  const path = '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs';

  test('stays what it is when others are read while it waits', async () => {
    const client = connect();
    client.send(greeting(), headersOf(1, callBlock(path)), frame(frameType.data, flag.none, 1, request));
    client.send(frame(frameType.ping, flag.none, 0, Buffer.from('one-----')));
    await client.next(({ type, payload }) => type === frameType.ping && payload.toString() === 'one-----');
    const other = connect();
    const blank = framed(Buffer.alloc(60_000));
    other.send(
      greeting(),
      headersOf(1, callBlock(path)),
      frame(frameType.data, flag.endStream, 1, blank),
      call(3),
    );
    await other.expectOk(3);
    client.send(frame(frameType.data, flag.endStream, 1, new Uint8Array()));
    const { body } = await client.answer(1);
    const { responses } = BatchUpdateBlobsResponse.decode(body.subarray(5));
    assert.deepEqual(
      responses.map(({ status }) => status?.code),
      [0],
    );
    client.close();
    other.close();
  });
});
