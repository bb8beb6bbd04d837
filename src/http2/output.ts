import type { Socket } from 'node:net';
import { endOfTurn } from './end-of-turn.ts';
import { maxWaitingOutput, outputAtOnce } from './limits.ts';
import {
  defaultMaxFrameSize,
  type ErrorCode,
  flag,
  frameHeaderBytes,
  frameType,
  maxWindow,
} from './protocol.ts';
import { nothingRemembered } from './header-encoder.ts';

/** A stream whose data goes out. */
export interface DataSource {
  readonly id: number;
  /** The system has taken so many bytes more of it. */
  written(bytes: number): void;
}

/** Less than this is put together before it is handed to the socket: a copy costs less than another piece. Bytes. */
const smallOutput = 16 * 1024;
const nothing = Buffer.alloc(0);

/**
 * What goes to a client. Frames are collected and written together when what has come was worked on, so that many small answers
 * take one call of the system.
 */
export class Output {
  readonly #socket: Socket;
  readonly #onRoom: () => void;
  readonly #write = () => this.#flush();
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Whose data is in the pieces. */
  #sources: { readonly stream: DataSource; bytes: number }[] = [];
  #isScheduled = false;
  #hasSentHeaders = false;
  /** Longest payload that the client takes. Bytes. */
  maxFrameSize = defaultMaxFrameSize;

  /** `onRoom`: the socket has taken what it was given. */
  constructor(socket: Socket, onRoom: () => void) {
    this.#socket = socket;
    this.#onRoom = onRoom;
    socket.on('drain', () => this.#onRoom());
  }

  /** Whether more data may be put in now. Frames of other types may always. */
  get hasRoom(): boolean {
    return this.#bytes < outputAtOnce && !this.#socket.writableNeedDrain;
  }

  /** Whether so much waits that nothing should be done that makes more. */
  get isFull(): boolean {
    return this.unsentBytes > maxWaitingOutput;
  }

  /** Bytes that the system has not taken. */
  get unsentBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  data(stream: DataSource, payload: Uint8Array): void {
    this.#put(frameHeader(payload.length, frameType.data, 0, stream.id));
    this.#put(payload);
    const last = this.#sources.at(-1);
    if (last?.stream === stream) last.bytes += payload.length;
    else this.#sources.push({ stream, bytes: payload.length });
  }

  /** `endStream`: nothing follows in this stream. */
  headers(streamId: number, block: Uint8Array, endStream: boolean): void {
    let rest = block;
    if (!this.#hasSentHeaders) {
      this.#hasSentHeaders = true;
      rest = Buffer.concat([nothingRemembered, block]);
    }
    let type: number = frameType.headers;
    let flags: number = endStream ? flag.endStream : 0;
    do {
      const part = rest.subarray(0, this.maxFrameSize);
      rest = rest.subarray(part.length);
      if (rest.length === 0) flags |= flag.endHeaders;
      this.#put(frameHeader(part.length, type, flags, streamId));
      this.#put(part);
      type = frameType.continuation;
      flags = 0;
    } while (rest.length > 0);
  }

  reset(streamId: number, code: ErrorCode): void {
    this.#put(withNumber(frameHeader(4, frameType.rstStream, 0, streamId, 4), code));
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#put(withNumber(frameHeader(4, frameType.windowUpdate, 0, streamId, 4), bytes & maxWindow));
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    const frame = frameHeader(values.length * 6, frameType.settings, 0, 0, values.length * 6);
    let at = frameHeaderBytes;
    for (const [id, value] of values) {
      frame.writeUInt16BE(id, at);
      frame.writeUInt32BE(value, at + 2);
      at += 6;
    }
    this.#put(frame);
  }

  settingsAck(): void {
    this.#put(frameHeader(0, frameType.settings, flag.ack, 0));
  }

  /** `payload`: eight bytes. */
  ping(payload: Uint8Array, isAck: boolean): void {
    const frame = frameHeader(payload.length, frameType.ping, isAck ? flag.ack : 0, 0, payload.length);
    frame.set(payload, frameHeaderBytes);
    this.#put(frame);
  }

  goaway(lastStreamId: number, code: ErrorCode, message: string): void {
    const text = Buffer.from(message);
    const frame = frameHeader(8 + text.length, frameType.goaway, 0, 0, 8 + text.length);
    frame.writeUInt32BE(lastStreamId, frameHeaderBytes);
    frame.writeUInt32BE(code, frameHeaderBytes + 4);
    frame.set(text, frameHeaderBytes + 8);
    this.#put(frame);
  }

  /** Something else than HTTP/2, if anything. */
  text(text: Uint8Array | undefined): void {
    if (text !== undefined) this.#put(text);
  }

  /** Sends what was collected, and then no more. */
  end(): void {
    this.#flush();
    this.#socket.end();
  }

  #put(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    endOfTurn.add(this.#write);
  }

  #flush(): void {
    this.#isScheduled = false;
    const pieces = this.#pieces;
    const bytes = this.#bytes;
    const sources = this.#sources;
    this.#pieces = [];
    this.#bytes = 0;
    this.#sources = [];
    if (bytes === 0 || !this.#socket.writable) return;
    const written = () => {
      for (const source of sources) source.stream.written(source.bytes);
    };
    if (bytes <= smallOutput) this.#socket.write(Buffer.concat(pieces, bytes), written);
    else {
      const last = pieces.pop() ?? nothing;
      this.#socket.cork();
      for (const piece of pieces) this.#socket.write(piece);
      this.#socket.write(last, written);
      this.#socket.uncork();
    }
    // Otherwise the socket says when.
    if (!this.#socket.writableNeedDrain) this.#onRoom();
  }
}

/** With room for so many bytes behind it. */
function frameHeader(length: number, type: number, flags: number, streamId: number, room = 0): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes + room);
  header[0] = length >>> 16;
  header[1] = length >>> 8;
  header[2] = length;
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return header;
}

function withNumber(frame: Buffer, number: number): Buffer {
  frame.writeUInt32BE(number, frameHeaderBytes);
  return frame;
}
