// Requests as RFC 9113 and RFC 7541 let them be, at the socket: what clients' libraries never do, and what they all do.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { request, sessionTo, socketTo } from '../support/fuzz-frames.ts';
import {
  call,
  callBlock,
  capabilities,
  emptyMessage,
  flag,
  frame,
  frameType,
  greeting,
  literal,
  uint32,
} from '../support/raw-http2.ts';
import { rawServer } from '../support/raw-server.ts';

const { endHeaders, endStream, none, padded, priority } = flag;
const nothing = new Uint8Array();

const { address, connect } = rawServer();

void describe('A request is understood', () => {
  test('whatever pieces its bytes come in', async () => {
    const bytes = Buffer.concat([greeting(), call(1)]);
    const client = connect();
    client.socket.setNoDelay(true);
    for (const byte of bytes) {
      client.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await client.expectOk(1);
    client.close();
  });

  test('when it is none of gRPC: its answer is not followed by a reset, as there is nothing more to come', async () => {
    const client = connect();
    const request = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ] as const;
    const block = Buffer.concat(request.map(([name, value]) => literal(name, value)));
    client.send(greeting(), frame(frameType.headers, endHeaders | endStream, 1, block), call(3));
    await client.expectOk(3);
    const ofFirst = client.received.filter(({ stream }) => stream === 1).map(({ type }) => type);
    assert.deepEqual(ofFirst, [frameType.headers]);
    client.close();
  });

  test('with the length of its body', async () => {
    const client = connect();
    const block = callBlock(capabilities, [['content-length', String(emptyMessage.length)]]);
    client.send(
      greeting(),
      frame(frameType.headers, endHeaders, 1, block),
      frame(frameType.data, none, 1, emptyMessage.subarray(0, 2)),
      frame(frameType.data, endStream, 1, emptyMessage.subarray(2)),
    );
    await client.expectOk(1);
    client.close();
  });

  test('with padding, with a priority, and with headers in several frames', async () => {
    const client = connect();
    const block = callBlock(capabilities);
    const pad = 20;
    const extras = Buffer.concat([Buffer.from([pad]), uint32(0), Buffer.from([15])]);
    const first = Buffer.concat([extras, block.subarray(0, 30), Buffer.alloc(pad)]);
    client.send(
      greeting(),
      frame(frameType.headers, padded | priority, 1, first),
      frame(frameType.continuation, none, 1, block.subarray(30, 31)),
      frame(frameType.continuation, none, 1, nothing),
      frame(frameType.continuation, endHeaders, 1, block.subarray(31)),
      frame(
        frameType.data,
        padded,
        1,
        Buffer.concat([Buffer.from([pad]), emptyMessage.subarray(0, 2), Buffer.alloc(pad)]),
      ),
      frame(frameType.data, padded, 1, Buffer.concat([Buffer.from([0]), emptyMessage.subarray(2)])),
      frame(frameType.data, padded | endStream, 1, Buffer.concat([Buffer.from([3]), Buffer.alloc(3)])),
    );
    await client.expectOk(1);
    client.close();
  });

  test('beside frames that nobody knows', async () => {
    const client = connect();
    client.send(greeting(), frame(0xbe, 0xff, 0, Buffer.alloc(100)), frame(0xbf, 0xff, 77, nothing), call(1));
    await client.expectOk(1);
    client.close();
  });

  test('with trailers behind its body', async () => {
    const client = connect();
    client.send(
      greeting(),
      frame(frameType.headers, endHeaders, 1, callBlock(capabilities)),
      frame(frameType.data, none, 1, emptyMessage),
      frame(frameType.headers, endHeaders | endStream, 1, literal('x-checksum', '1')),
    );
    await client.expectOk(1);
    client.close();
  });

  test('whichever byte its path has, in Huffman code', async () => {
    const session = await sessionTo(address());
    for (let byte = 0x21; byte <= 0xff; byte++) {
      if (byte === 0x7f) continue;
      // So long and so common otherwise that the client has a reason to encode it.
      const path = `/${'a'.repeat(60)}${String.fromCharCode(byte)}/${'e'.repeat(byte % 8)}`;
      const { message } = await request(session, path, emptyMessage);
      assert.equal(message, `this server does not have the method ${path}`);
    }
    session.destroy();
  });

  test('however many headers its client wants to be remembered', async () => {
    const session = await sessionTo(address());
    for (let round = 0; round < 300; round++) {
      const path = `/service.${round % 7}/Method${round % 50}`;
      const more = { 'x-some': `${'v'.repeat((round * 37) % 900)}${round % 11}`, [`x-${round % 40}`]: 'w' };
      const { message } = await request(session, path, emptyMessage, more);
      assert.equal(message, `this server does not have the method ${path}`);
    }
    session.destroy();
  });
});

void describe('A client is told', () => {
  test('that its headers are too long, and its next call is answered', async () => {
    const client = connect();
    const block = callBlock(capabilities, [['x-long', 'y'.repeat(40_000)]]);
    const parts = [
      block.subarray(0, 16_000),
      block.subarray(16_000, 32_000),
      block.subarray(32_000),
    ] as const;
    client.send(
      greeting(),
      frame(frameType.headers, none, 1, parts[0]),
      frame(frameType.continuation, none, 1, parts[1]),
      frame(frameType.continuation, endHeaders, 1, parts[2]),
      call(3),
    );
    const { headers } = await client.answer(1);
    assert.equal(headers['grpc-status'], '8');
    assert.match(decodeURIComponent(headers['grpc-message'] ?? ''), /headers have more than 32768 bytes/);
    await client.expectOk(3);
    client.close();
  });

  test('what this port speaks, when it speaks HTTP/1', async () => {
    const socket = socketTo(address());
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write('GET / HTTP/1.1\r\nHost: weir\r\n\r\n');
    await once(socket, 'close');
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 505 .*gRPC calls, over HTTP\/2 only\.\n$/s);
  });
});
