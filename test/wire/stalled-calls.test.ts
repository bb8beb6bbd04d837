import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReadRequest, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { eventually } from '../support/eventually.ts';
import { framed, openStream, request, sessionTo } from '../support/fuzz-frames.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const idleSeconds = 4;
const MiB = 1024 * 1024;
const byteStream = '/google.bytestream.ByteStream';
const [aborted, resourceExhausted, unavailable] = ['10', 8, 14];
const mostCallsOfOne = 1024;
const callsOfOneConnection = 128;

describe('A call whose client does nothing', () => {
  let weir: Weir;
  let push: Clients;

  before(async () => {
    weir = await startWeir({
      tcp: true,
      env: { STREAM_IDLE_SECONDS: `${idleSeconds}`, CONNECTION_IDLE_SECONDS: `${idleSeconds}` },
    });
    push = clientsAt(weir.pushAddress);
  });

  after(async () => {
    push.close();
    await weir.stop();
  });

  test('is ended when it is an upload, which can be gone on with', async () => {
    const blob = randomBlob(2 * MiB);
    const name = uploadName(blob);
    const session = await sessionTo(weir.pushAddress);
    const stream = openStream(session, `${byteStream}/Write`);
    const ended = headersOf(stream);
    stream.write(framed(writeMessage(name, blob, 0, MiB)));
    // A part of the next message, and then nothing.
    stream.write(framed(writeMessage(name, blob, MiB, 2 * MiB)).subarray(0, 200_000));
    const headers = await ended;
    assert.equal(headers['grpc-status'], aborted);
    assert.match(decodeURIComponent(String(headers['grpc-message'])), /QueryWriteStatus/);

    await eventually(async () => {
      const { committedSize } = await push.bytes.queryWriteStatus({ resourceName: name });
      return committedSize === BigInt(MiB);
    });
    const rest = [writeRequest(name, blob, MiB, 2 * MiB)];
    assert.equal((await push.bytes.write(iterated(rest))).committedSize, BigInt(2 * MiB));
    assert.deepEqual(await read(push, downloadName(blob)), Buffer.from(blob.data));
    session.destroy();
  });

  test('is ended when it is a download that nobody reads', async () => {
    const blob = randomBlob(8 * MiB);
    await write(push, uploadName(blob), blob.data, MiB);
    const session = await sessionTo(weir.pushAddress);
    const stream = openStream(session, `${byteStream}/Read`);
    const message = { resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n };
    stream.end(framed(ReadRequest.encode(message).finish()));
    await once(stream, 'response');
    stream.pause();
    // The file of a large blob is open as long as it is read.
    await eventually(async () => (await openBlobs(weir)) === 1);
    await eventually(async () => (await openBlobs(weir)) === 0);
    session.destroy();
  });

  test('does not keep its connection open for ever: without calls it is closed in order', async () => {
    const idle = await sessionTo(weir.pushAddress);
    let code: number | undefined;
    idle.on('goaway', (reason) => {
      code = reason;
    });
    await once(idle, 'close');
    assert.equal(code, 0);
  });

  test('has its time from its own beginning, however long the server has been up', async () => {
    const begun = await scraped(weir.opsUrl, 'process_start_time_seconds');
    await eventually(() => Date.now() / 1000 - begun > 2 * idleSeconds);
    const blob = randomBlob(1000);
    const session = await sessionTo(weir.pushAddress);
    const stream = openStream(session, `${byteStream}/Write`);
    const answered = headersOf(stream);
    const closed = once(stream, 'close');
    // Such calls are looked for once a second.
    await sleep(1500);
    stream.end(framed(writeMessage(uploadName(blob), blob, 0, 1000)));
    assert.equal((await answered)['grpc-status'], undefined);
    await closed;
    assert.deepEqual(await read(push, downloadName(blob)), Buffer.from(blob.data));
    session.destroy();
  });

  test('leaves alone one whose client waits for the server', async () => {
    // Health's Watch says something only when the state of the server changes.
    const watched = await sessionTo(weir.pushAddress);
    const stream = openStream(watched, '/grpc.health.v1.Health/Watch');
    let closed = false;
    stream.on('close', () => (closed = true)).on('data', () => {});
    stream.end(framed(new Uint8Array()));
    await once(stream, 'response');
    // As long as it takes to end one that does stand still, begun later.
    const other = await sessionTo(weir.pushAddress);
    const still = openStream(other, `${byteStream}/Write`);
    still.on('data', () => {});
    await once(still, 'close');
    assert.equal(closed, false);
    watched.destroy();
    other.destroy();
  });
});

describe('More calls of one client than there may be at once', () => {
  test('are refused, in the way that its kind of client bears best', async () => {
    const weir = await startWeir({ tcp: true });
    const sessions: ClientHttp2Session[] = [];
    try {
      for (let begun = 0; begun < mostCallsOfOne; begun += callsOfOneConnection) {
        const session = await sessionTo(weir.pushAddress);
        sessions.push(session);
        for (let index = 0; index < callsOfOneConnection; index++) openStream(session, `${byteStream}/Write`);
      }
      const metrics = async () => await (await fetch(`${weir.opsUrl}/metrics`)).text();
      const session = await sessionTo(weir.pushAddress);
      sessions.push(session);
      const ask = (path: string) => request(session, path, framed(new Uint8Array()));
      // Those before have arrived once one more is refused.
      await eventually(async () => (await ask(`${byteStream}/Write`)).status === resourceExhausted);
      const refused = await ask('/build.bazel.remote.execution.v2.Capabilities/GetCapabilities');
      assert.equal(refused.status, unavailable);
      assert.match(refused.message, /more calls at once/);
      assert.match(await metrics(), /weir_cut_total\{reason="calls"\} [1-9]/);

      for (const other of sessions.slice(0, -1)) other.destroy();
      await eventually(
        async () => (await ask('/build.bazel.remote.execution.v2.Capabilities/GetCapabilities')).status === 0,
      );
    } finally {
      for (const session of sessions) session.destroy();
      await weir.stop();
    }
  });
});

function writeRequest(resourceName: string, blob: Blob, from: number, to: number): WriteRequest {
  const data = blob.data.subarray(from, to);
  return { resourceName, writeOffset: BigInt(from), finishWrite: to === blob.data.length, data };
}

function writeMessage(resourceName: string, blob: Blob, from: number, to: number): Uint8Array {
  return WriteRequest.encode(writeRequest(resourceName, blob, from, to)).finish();
}

async function* iterated<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

/** How many files of blobs the server has open. */
async function openBlobs({ pid, volume }: Weir): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  );
  return links.filter((path) => path.startsWith(`${volume}/cas/`)).length;
}

async function headersOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  stream.on('data', () => {});
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  return headers;
}
