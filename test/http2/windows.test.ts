// How much goes over a connection at once, in both directions.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { ReadRequest, ReadResponse, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { eventually } from '../support/eventually.ts';
import { framed } from '../support/fuzz-frames.ts';
import {
  call,
  callBlock,
  flag,
  frame,
  frameType,
  greeting,
  headersOf,
  type RawClient,
  setting,
  settingsFrame,
  uint32,
} from '../support/raw-http2.ts';
import { rawServer } from '../support/raw-server.ts';
import {
  type Blob,
  blobOf,
  clientsAt,
  downloadName,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const { ack, endHeaders, endStream, none } = flag;
const nothing = new Uint8Array();
const byteStream = '/google.bytestream.ByteStream';

const { address, connect } = rawServer();

void describe('Windows', () => {
  const blob = randomBlob(100_000);
  const readRequest = framed(
    ReadRequest.encode({ resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n }).finish(),
  );
  const readCall = (stream: number) =>
    Buffer.concat([
      frame(frameType.headers, endHeaders, stream, callBlock(`${byteStream}/Read`)),
      frame(frameType.data, endStream, stream, readRequest),
    ]);
  const bytesOf = (client: RawClient, stream: number) =>
    client.received
      .filter(({ type, stream: of }) => type === frameType.data && of === stream)
      .reduce((sum, { payload }) => sum + payload.length, 0);

  before(async () => {
    const clients = clientsAt(address());
    await putBatch(clients, [blob]);
    clients.close();
  });

  test('are kept to: of a stream, of a connection, and when they are made smaller', async () => {
    const client = connect();
    client.send(greeting({ [setting.initialWindowSize]: 10 }), readCall(1));
    await client.next(({ type, stream }) => type === frameType.data && stream === 1);
    client.send(frame(frameType.ping, none, 0, Buffer.from('one-----')));
    await client.next(({ type, payload }) => type === frameType.ping && payload.toString() === 'one-----');
    assert.equal(bytesOf(client, 1), 10);

    client.send(frame(frameType.windowUpdate, none, 1, uint32(20_000)));
    await eventually(() => Promise.resolve(bytesOf(client, 1) === 20_010));

    // The window is 5 - 10 = -5 now; five bytes open nothing, ten open five.
    client.send(settingsFrame({ [setting.initialWindowSize]: 5 }));
    client.send(frame(frameType.windowUpdate, none, 1, uint32(5)));
    client.send(frame(frameType.ping, none, 0, Buffer.from('two-----')));
    await client.next(({ type, payload }) => type === frameType.ping && payload.toString() === 'two-----');
    assert.equal(bytesOf(client, 1), 20_010);
    client.send(frame(frameType.windowUpdate, none, 1, uint32(5)));
    await eventually(() => Promise.resolve(bytesOf(client, 1) === 20_015));

    // The connection's is still what it was at first.
    client.send(frame(frameType.windowUpdate, none, 1, uint32(1_000_000)));
    await eventually(() => Promise.resolve(bytesOf(client, 1) === 65_535));
    client.send(frame(frameType.ping, none, 0, Buffer.from('three---')));
    await client.next(({ type, payload }) => type === frameType.ping && payload.toString() === 'three---');
    assert.equal(bytesOf(client, 1), 65_535);
    client.send(frame(frameType.windowUpdate, none, 0, uint32(1_000_000)));
    const { headers, body } = await client.answer(1);
    assert.equal(headers['grpc-status'], '0');
    assert.deepEqual(dataOf(body), Buffer.from(blob.data));
    client.close();
  });

  test('that are made larger are used when that is acknowledged: until then the client may keep to what was', async () => {
    const client = connect();
    const isAck = ({ type, flags }: { type: number; flags: number }) =>
      type === frameType.settings && flags === ack;
    client.send(greeting({ [setting.initialWindowSize]: 10 }), readCall(1));
    await client.next(({ type }) => type === frameType.data);
    const before = client.received.length;
    client.send(settingsFrame({ [setting.initialWindowSize]: 1000 }));
    await eventually(() => Promise.resolve(bytesOf(client, 1) === 1000));
    const [first, second] = client.received.slice(before);
    assert.ok(first !== undefined && isAck(first));
    assert.equal(second?.type, frameType.data);
    client.close();
  });

  const inAnySteps = async (resourceName: string) => {
    const client = connect();
    const message = framed(ReadRequest.encode({ resourceName, readOffset: 0n, readLimit: 0n }).finish());
    client.send(
      greeting({ [setting.initialWindowSize]: 0 }),
      frame(frameType.windowUpdate, none, 0, uint32(100_000_000)),
      headersOf(1, callBlock(`${byteStream}/Read`)),
      frame(frameType.data, endStream, 1, message),
    );
    const ended = new AbortController();
    const answered = client.answer(1).finally(() => ended.abort());
    // Some come in the middle of a message, or of what is read at once.
    for (let step = 1; !ended.signal.aborted; step = (step * 7) % 1009) {
      client.send(frame(frameType.windowUpdate, none, 1, uint32(step * 700)));
      await new Promise((resolve) => setTimeout(resolve, step % 5));
    }
    const { headers, body } = await answered;
    assert.equal(headers['grpc-status'], '0');
    client.close();
    return dataOf(body);
  };

  test('let a large blob through in any steps, and each byte of it is right', async () => {
    const large = randomBlob(12_000_000);
    // Compressed, some pieces are full, some short, and of some nothing comes out.
    const mixed = blobOf(
      Buffer.concat([large.data.subarray(0, 4_000_000), Buffer.alloc(12_000_000), large.data]),
    );
    const clients = clientsAt(address());
    for (const blob of [large, mixed]) await write(clients, uploadName(blob), blob.data);
    clients.close();
    assert.ok((await inAnySteps(downloadName(large))).equals(large.data));
    const compressed = await inAnySteps(downloadName(mixed).replace('blobs/', 'compressed-blobs/zstd/'));
    assert.ok(zstdDecompressSync(compressed).equals(mixed.data));
  });

  test('hold the end of a blob back, and another one that is read meanwhile is not what comes then', async () => {
    const [held, other] = [randomBlob(4 * 1024 ** 2), randomBlob(4 * 1024 ** 2)];
    const clients = clientsAt(address());
    for (const each of [held, other]) await write(clients, uploadName(each), each.data);
    clients.close();
    const client = connect();
    const reading = (stream: number, blob: Blob) => [
      headersOf(stream, callBlock(`${byteStream}/Read`)),
      frame(
        frameType.data,
        endStream,
        stream,
        framed(
          ReadRequest.encode({
            resourceName: downloadName(blob),
            readOffset: 0n,
            readLimit: 0n,
          }).finish(),
        ),
      ),
    ];
    const window = 4 * 1024 ** 2 - 300_000;
    client.send(
      greeting({ [setting.initialWindowSize]: window }),
      frame(frameType.windowUpdate, none, 0, uint32(100_000_000)),
      ...reading(1, held),
    );
    await eventually(() => Promise.resolve(bytesOf(client, 1) === window));
    client.send(...reading(3, other), frame(frameType.windowUpdate, none, 3, uint32(1_000_000)));
    assert.ok(dataOf((await client.answer(3)).body).equals(other.data));
    client.send(frame(frameType.windowUpdate, none, 1, uint32(1_000_000)));
    assert.ok(dataOf((await client.answer(1)).body).equals(held.data));
    client.close();
  });

  test('of one stream that is not read do not hold up the others', async () => {
    const client = connect();
    client.send(greeting({ [setting.initialWindowSize]: 30_000 }), readCall(1));
    await eventually(() => Promise.resolve(bytesOf(client, 1) === 30_000));
    client.send(call(3));
    await client.expectOk(3);
    client.close();
  });

  test('leave frames as short as the client takes them', async () => {
    for (const most of [16_384, 20_000]) {
      const client = connect();
      const settings = { [setting.initialWindowSize]: 1_000_000, [setting.maxFrameSize]: most };
      client.send(greeting(settings), frame(frameType.windowUpdate, none, 0, uint32(1_000_000)), readCall(1));
      await client.answer(1);
      const lengths = client.received.map(({ payload }) => payload.length);
      assert.equal(Math.max(...lengths), most);
      client.close();
    }
  });

  test('are opened for a long message as soon as there is memory for it', async () => {
    const client = connect();
    const large = randomBlob(3_000_000);
    const message = framed(
      WriteRequest.encode({
        resourceName: uploadName(large),
        writeOffset: 0n,
        finishWrite: true,
        data: large.data,
      }).finish(),
    );
    client.send(greeting(), frame(frameType.headers, endHeaders, 1, callBlock(`${byteStream}/Write`)));
    for (let at = 0; at < 49_152; at += 16_384)
      client.send(frame(frameType.data, none, 1, message.subarray(at, at + 16_384)));
    let window = 65_535 - 49_152;
    const updates = (stream: number) =>
      client.received
        .filter(({ type, stream: of }) => type === frameType.windowUpdate && of === stream)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    await eventually(() => Promise.resolve(window + updates(1) >= message.length - 49_152));
    for (let at = 49_152; at < message.length; at += 16_384) {
      const part = message.subarray(at, at + 16_384);
      window -= part.length;
      client.send(frame(frameType.data, none, 1, part));
    }
    client.send(frame(frameType.data, endStream, 1, nothing));
    await client.expectOk(1);
    client.close();
  });
});

/** Of messages of a Read. */
function dataOf(body: Buffer): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    parts.push(ReadResponse.decode(body.subarray(at + 5, end)).data);
    at = end;
  }
  return Buffer.concat(parts);
}

void describe('A client that does not read', () => {
  test('is not read from, and has all its answers when it does', async () => {
    const client = connect();
    client.send(greeting());
    await client.next(({ type, flags }) => type === frameType.settings && flags === ack);
    client.socket.pause();
    const pings = 2_000_000;
    const many = Buffer.concat(
      Array.from({ length: 10_000 }, () => frame(frameType.ping, none, 0, Buffer.alloc(8))),
    );
    for (let sent = 0; sent < pings; sent += 10_000) client.socket.write(many);
    // Longer than it takes to read all that.
    let [before, now] = [-1, client.socket.writableLength];
    await eventually(async () => {
      [before, now] = [now, client.socket.writableLength];
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return before === now;
    });
    assert.ok(client.socket.writableLength > 0, 'all was read');
    client.socket.resume();
    let answered = 0;
    await eventually(() => {
      answered += client.received.splice(0).filter(({ type }) => type === frameType.ping).length;
      return Promise.resolve(answered === pings);
    });
    client.close();
  });
});
