import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { framed, socketTo } from './fuzz-frames.ts';

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const flag = { none: 0, endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;
const frameHeaderBytes = 9;

/** A frame as it goes over the wire. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** What a client begins with: that, and settings. */
export function greeting(settings: Readonly<Record<number, number>> = {}): Buffer {
  return Buffer.concat([preface, settingsFrame(settings)]);
}

export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const payload = Object.entries(settings).map(([id, value]) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(Number(id), 0);
    bytes.writeUInt32BE(value, 2);
    return bytes;
  });
  return frame(frameType.settings, flag.none, 0, Buffer.concat(payload));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A block of the headers of a gRPC call, and of some more; none of them is to be remembered. */
export function callBlock(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  const usual = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'weir.test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ] as const;
  return Buffer.concat([...usual, ...more].map(([name, value]) => literal(name, value)));
}

/** A header that is not indexed, in plain text (RFC 7541, 6.2.2). */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const most = 127;
  const { length } = value;
  const size = length < most ? [length] : [most, ...varint(length - most)];
  return Buffer.concat([Buffer.from(size), Buffer.from(value, 'latin1')]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

export const emptyMessage = framed(new Uint8Array());
/** A method that takes an empty message. */
export const capabilities = '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities';

/** Headers of a stream; those of an upload where nothing else is said. */
export function headersOf(
  stream: number,
  block = callBlock('/google.bytestream.ByteStream/Write'),
  flags: number = flag.endHeaders,
): Buffer {
  return frame(frameType.headers, flags, stream, block);
}

/** A call of one empty message. */
export function call(stream: number): Buffer {
  const message = frame(frameType.data, flag.endStream, stream, emptyMessage);
  return Buffer.concat([headersOf(stream, callBlock(capabilities)), message]);
}

/** What is in error frames. */
export const codes = {
  noError: 0,
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  compression: 9,
  calm: 11,
} as const;
export const setting = { enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 } as const;
export const maxWindow = 2 ** 31 - 1;

/** A frame that has come. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The client's end of a connection, frame by frame. It acknowledges nothing by itself. */
export class RawClient {
  readonly socket: Socket;
  /** All that has come. */
  readonly received: Received[] = [];
  hasEnded = false;
  #rest = Buffer.alloc(0);
  #onChange: (() => void)[] = [];

  constructor(address: string) {
    this.socket = socketTo(address);
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    const end = () => {
      this.hasEnded = true;
      this.#changed();
    };
    this.socket.on('end', end);
    this.socket.on('close', end);
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The first frame of those that have come, or will, for which it is true; undefined when the connection ends without. */
  async next(isWanted: (frame: Received) => boolean): Promise<Received | undefined> {
    for (let seen = 0; ;) {
      for (; seen < this.received.length; seen++) {
        const candidate = this.received[seen];
        if (candidate !== undefined && isWanted(candidate)) return candidate;
      }
      if (this.hasEnded) return undefined;
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  /** What the first headers, or the last, of a stream say, and what came between. */
  async answer(stream: number): Promise<{ headers: Record<string, string>; body: Buffer; reset?: number }> {
    await this.next(
      ({ type, flags, stream: of }) =>
        of === stream &&
        (type === frameType.reset || ([frameType.headers, frameType.data] as number[]).includes(type)) &&
        (type === frameType.reset || (flags & flag.endStream) !== 0),
    );
    const frames = this.received.filter((one) => one.stream === stream);
    const reset = frames.find(({ type }) => type === frameType.reset);
    const headers = frames
      .filter(({ type }) => type === frameType.headers)
      .map(({ payload }) => decoded(payload));
    const body = frames.filter(({ type }) => type === frameType.data).map(({ payload }) => payload);
    return {
      headers: Object.assign({}, ...headers) as Record<string, string>,
      body: Buffer.concat(body),
      ...(reset && { reset: reset.payload.readUInt32BE(0) }),
    };
  }

  async expectOk(stream: number): Promise<void> {
    const { headers, reset } = await this.answer(stream);
    assert.deepEqual([headers['grpc-status'], reset], ['0', undefined]);
  }

  close(): void {
    this.socket.destroy();
  }

  #changed(): void {
    for (const tell of this.#onChange.splice(0)) tell();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    this.#takeFrames();
    this.#changed();
  }

  #takeFrames(): void {
    for (;;) {
      if (this.#rest.length < frameHeaderBytes) return;
      const end = frameHeaderBytes + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      this.received.push({
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(frameHeaderBytes, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The headers of an answer of ours, which uses few of the forms that there are. */
function decoded(block: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  let at = 0;
  const nextText = () => {
    let length = block.readUInt8(at++);
    if (length === 127) {
      for (let shift = 0; ; shift += 7) {
        const byte = block.readUInt8(at++);
        length += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
      }
    }
    at += length;
    return block.toString('latin1', at - length, at);
  };
  while (at < block.length) {
    const first = block.readUInt8(at++);
    if (first === 0x20) continue;
    if (first === 0x88) headers[':status'] = '200';
    else if (first === 0x08) headers[':status'] = nextText();
    else if (first === 0) {
      const name = nextText();
      headers[name] = nextText();
    } else throw new Error(`a header begins with ${first}`);
  }
  return headers;
}
