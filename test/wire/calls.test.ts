// What the transport makes of calls, whatever service they are for.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { GetCapabilitiesRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { framed, openStream, request, sessionTo } from '../support/fuzz-frames.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { randomBlob, uploadName } from '../support/wire.ts';

const capabilities = '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities';
const bytestream = '/google.bytestream.ByteStream';
const message = framed(GetCapabilitiesRequest.encode({ instanceName: '' }).finish());
const [ok, invalidArgument, deadlineExceeded, unimplemented] = [0, 3, 4, 12];

void describe('a call', () => {
  let weir: Weir;
  let session: ClientHttp2Session;

  before(async () => {
    weir = await startWeir();
    session = await sessionTo(weir.pushAddress);
  });

  after(async () => {
    session.destroy();
    await weir.stop();
  });

  test('is answered', async () => {
    assert.equal((await request(session, capabilities, message)).status, ok);
  });

  test('that ends in the middle of its message is INVALID_ARGUMENT', async () => {
    const long = framed(Buffer.alloc(100));
    for (const bytes of [3, 50]) {
      const end = await request(session, capabilities, long.subarray(0, bytes));
      assert.equal(end.status, invalidArgument);
      assert.match(end.message, /ends in the middle of a message/);
    }
  });

  test('that ends in the middle of a second message is INVALID_ARGUMENT', async () => {
    for (const bytes of [1, 3, 6]) {
      const behind = framed(Buffer.alloc(100)).subarray(0, bytes);
      const end = await request(session, capabilities, Buffer.concat([message, behind]));
      assert.equal(end.status, invalidArgument, `${bytes}`);
      assert.match(end.message, /ends in the middle of a message/);
    }
  });

  test('of one message is INVALID_ARGUMENT with none, and with two', async () => {
    const none = await request(session, capabilities, new Uint8Array());
    assert.deepEqual([none.status, none.message], [invalidArgument, 'the call has no message']);
    const two = await request(session, capabilities, Buffer.concat([message, message]));
    assert.deepEqual([two.status, two.message], [invalidArgument, 'the call has more than one message']);
  });

  test('whose bytes are no message is INVALID_ARGUMENT, and says of which method', async () => {
    const end = await request(session, capabilities, framed(Buffer.from([0x0a, 0xff])));
    assert.equal(end.status, invalidArgument);
    assert.match(end.message, /Capabilities\/GetCapabilities/);
  });

  test('of a method that is not here is UNIMPLEMENTED and names it', async () => {
    const end = await request(session, `${bytestream}/Rewind`, message);
    assert.equal(end.status, unimplemented);
    assert.match(end.message, /google\.bytestream\.ByteStream\/Rewind/);
  });

  test('has all its messages, also when the last of them and its end come while the first is worked on', async () => {
    const blob = randomBlob(5000);
    const resourceName = uploadName(blob);
    const frames = [0, 1, 2, 3, 4].map((part) =>
      framed(
        WriteRequest.encode({
          resourceName,
          writeOffset: BigInt(part * 1000),
          finishWrite: part === 4,
          data: blob.data.subarray(part * 1000, (part + 1) * 1000),
        }).finish(),
      ),
    );
    const end = await request(session, `${bytestream}/Write`, Buffer.concat(frames));
    assert.deepEqual([end.status, end.message], [ok, '']);
  });

  test('is not reset by its answer while its client may still send', async () => {
    const blob = randomBlob(1000);
    const write = { resourceName: uploadName(blob), writeOffset: 0n, finishWrite: true, data: blob.data };
    const stream = openStream(session, `${bytestream}/Write`);
    stream.on('data', () => {});
    const trailers = once(stream, 'trailers');
    stream.write(framed(WriteRequest.encode(write).finish()));
    assert.equal(((await trailers)[0] as Record<string, string>)['grpc-status'], String(ok));
    // What came after the answer came before this one.
    assert.equal((await request(session, capabilities, message)).status, ok);
    assert.equal(stream.closed, false);
    stream.end();
    await once(stream, 'close');
    assert.equal(stream.rstCode, 0);
  });

  test('that is no gRPC is 415', async () => {
    const end = await request(session, capabilities, message, { 'content-type': 'text/plain' });
    assert.deepEqual([end.http, end.status], [415, undefined]);
  });

  test('that is no gRPC is over with that, whatever else its client sends', async () => {
    const stream = openStream(session, capabilities, { 'content-type': 'text/plain' });
    stream.resume();
    await once(stream, 'close');
    assert.equal(stream.rstCode, 0);
  });

  test('ends with DEADLINE_EXCEEDED when the time that its client gives it is over', async () => {
    const watch = await request(session, '/grpc.health.v1.Health/Watch', framed(new Uint8Array()), {
      'grpc-timeout': '200m',
    });
    assert.equal(watch.status, deadlineExceeded);
  });

  test('with a time that is none, or longer than any timer, is answered', async () => {
    for (const timeout of ['', '5', 'soon', '99999999H', '-1S']) {
      const end = await request(session, capabilities, message, { 'grpc-timeout': timeout });
      assert.equal(end.status, ok, timeout);
    }
  });
});
