// How a server ends a connection.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { eventually } from '../support/eventually.ts';
import { framed } from '../support/fuzz-frames.ts';
import {
  call,
  codes,
  flag,
  frame,
  frameType,
  greeting,
  headersOf,
  maxWindow,
  RawClient,
} from '../support/raw-http2.ts';
import { startWeir } from '../support/weir.ts';
import { randomBlob, uploadName } from '../support/wire.ts';

const { ack, endStream, none } = flag;
const nothing = new Uint8Array();

void describe('A server that ends a connection', () => {
  test('answers what its client begins before it knows', async (t) => {
    const other = await startWeir({ tcp: true, env: { CONNECTION_IDLE_SECONDS: '1' } });
    const client = new RawClient(other.pushAddress);
    t.after(async () => {
      client.close();
      await other.stop();
    });
    client.send(greeting());
    const first = await client.next(({ type }) => type === frameType.goaway);
    assert.deepEqual(
      [first?.payload.readUInt32BE(0), first?.payload.readUInt32BE(4)],
      [maxWindow, codes.noError],
    );
    const ping = await client.next(({ type, flags }) => type === frameType.ping && flags === none);
    client.send(call(1), frame(frameType.ping, ack, 0, ping?.payload ?? nothing), call(3));
    await client.expectOk(1);
    await eventually(() => Promise.resolve(client.hasEnded));
    const last = client.received.findLast(({ type }) => type === frameType.goaway);
    assert.deepEqual([last?.payload.readUInt32BE(0), last?.payload.readUInt32BE(4)], [1, codes.noError]);
    assert.deepEqual(
      client.received.filter(({ stream }) => stream === 3),
      [],
    );
  });

  test('lets an upload that is under way end first', async (t) => {
    const other = await startWeir({ tcp: true });
    const blob = randomBlob(20_000);
    const client = new RawClient(other.pushAddress);
    t.after(async () => {
      client.close();
      await other.stop();
    });
    const parts = [blob.data.subarray(0, 10_000), blob.data.subarray(10_000)] as const;
    const resourceName = uploadName(blob);
    const message = (part: number) =>
      framed(
        WriteRequest.encode({
          resourceName: part === 0 ? resourceName : '',
          writeOffset: BigInt(part * 10_000),
          finishWrite: part === 1,
          data: parts[part as 0 | 1],
        }).finish(),
      );
    client.send(greeting(), headersOf(1), frame(frameType.data, none, 1, message(0)));
    client.send(frame(frameType.ping, none, 0, Buffer.alloc(8)));
    await client.next(({ type }) => type === frameType.ping);
    const stopped = other.stop();
    await client.next(({ type }) => type === frameType.goaway);
    client.send(frame(frameType.data, endStream, 1, message(1)));
    await client.expectOk(1);
    await stopped;
  });
});
