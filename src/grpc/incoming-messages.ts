import { constants, type ServerHttp2Stream } from 'node:http2';
import { ServerError, Status } from 'nice-grpc-common';
import type { ByteBudget } from '../core/byte-budget.ts';
import { maxMessageBytes, smallMessageBytes } from './limits.ts';
import { prefixBytes } from './message-frame.ts';
import { MessageRooms } from './message-rooms.ts';

/** A message of which some has come. */
interface Arriving {
  readonly length: number;
  received: number;
  /** Until there is memory for all of it. */
  readonly parts: Uint8Array[];
  whole: Uint8Array | undefined;
}

/** For a client that does not stop sending after its call has ended. */
const mostUnwantedBytes = maxMessageBytes;
const nothing = Buffer.alloc(0);

/**
 * The messages that a client sends in one call. One is put together while the handler is at the one before it, and no more: then the
 * client is not read from. Nor is it while memory for a long message is short.
 */
export class IncomingMessages {
  readonly #stream: ServerHttp2Stream;
  readonly #rooms: MessageRooms;
  /** What has come and was not looked at yet. */
  #rest: Buffer = nothing;
  #arriving: Arriving | undefined;
  #waitsForRoom = false;
  #ready: Uint8Array | undefined;
  #ended = false;
  #closed = false;
  #fault: ServerError | undefined;
  #wanted: { resolve(message: Uint8Array | undefined): void; reject(fault: ServerError): void } | undefined;
  /** How many messages have begun, and how many are not needed any more. */
  #begun = 0;
  #done = 0;
  #receivedBytes = 0;
  #unwantedBytes = 0;

  /** `owner`: whose memory it is. */
  constructor(stream: ServerHttp2Stream, memory: ByteBudget, owner: string) {
    this.#stream = stream;
    this.#rooms = new MessageRooms(memory, owner, () => this.#roomGranted());
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.once('end', () => this.#end());
  }

  /** Bytes that have come so far, those before messages included. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Whether there is memory for a message of which the client has sent no more than a part. */
  get holdsForClient(): boolean {
    return this.#arriving !== undefined && this.#rooms.has(this.#begun);
  }

  /** Whether it is the client who has to send something. */
  get isClientsTurn(): boolean {
    return !this.#ended && !this.#stream.isPaused();
  }

  /** Whether there is nothing more, and nothing that waits to be taken. */
  get hasEnded(): boolean {
    return this.#ended && !this.#waitsForRoom && this.#ready === undefined;
  }

  /** The next message; undefined when there are no more. One at a time. Rejects with a ServerError for what is no message. */
  next(): Promise<Uint8Array | undefined> {
    const message = this.#ready;
    if (message !== undefined) {
      this.#ready = undefined;
      this.#goOn();
      return Promise.resolve(message);
    }
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.hasEnded || this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
    });
  }

  /** The oldest message is not needed any more. */
  messageDone(): void {
    this.#rooms.done(++this.#done, this.#begun);
  }

  /** Nothing more is wanted: what comes is thrown away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest = nothing;
    this.#arriving = undefined;
    this.#ready = undefined;
    this.#rooms.releaseAll();
    this.#wanted?.resolve(undefined);
    this.#wanted = undefined;
    this.#stream.resume();
  }

  #take(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#closed) return this.#throwAway(chunk.length);
    if (this.#fault !== undefined) return;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#goOn();
  }

  #throwAway(bytes: number): void {
    this.#unwantedBytes += bytes;
    if (this.#unwantedBytes > mostUnwantedBytes) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #end(): void {
    this.#ended = true;
    if (!this.#closed) this.#goOn();
  }

  #goOn(): void {
    while (this.#ready === undefined && !this.#waitsForRoom && this.#fault === undefined) {
      if (this.#arriving === undefined && !this.#begin()) break;
      if (!this.#fill()) break;
      this.#deliver();
    }
    if (this.hasEnded && (this.#arriving !== undefined || this.#rest.length > 0))
      this.#fail(Status.INVALID_ARGUMENT, 'the call ends in the middle of a message');
    this.#deliver();
    const isFull = this.#ready !== undefined || this.#waitsForRoom;
    if (isFull && !this.#ended) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  /** Whether enough has come to know how long the next message is. */
  #begin(): boolean {
    if (this.#rest.length < prefixBytes) return false;
    const length = this.#rest.readUInt32BE(1);
    if (this.#rest[0] !== 0) {
      this.#fail(
        Status.UNIMPLEMENTED,
        'compressed messages are not taken here; send them without grpc-encoding',
      );
      return false;
    }
    if (length > maxMessageBytes) {
      this.#fail(
        Status.RESOURCE_EXHAUSTED,
        `the message has ${length} bytes, and at most ${maxMessageBytes} are taken; use ByteStream for large blobs`,
      );
      return false;
    }
    this.#rest = this.#rest.subarray(prefixBytes);
    this.#arriving = { length, received: 0, parts: [], whole: undefined };
    this.#begun++;
    return true;
  }

  /** Takes what has come of the message; whether that is all of it. */
  #fill(): boolean {
    const arriving = this.#arriving;
    if (arriving === undefined) return false;
    const some = this.#rest.subarray(0, arriving.length - arriving.received);
    this.#rest = this.#rest.length === some.length ? nothing : this.#rest.subarray(some.length);
    if (arriving.whole !== undefined) arriving.whole.set(some, arriving.received);
    else arriving.parts.push(some);
    arriving.received += some.length;
    if (arriving.received === arriving.length) {
      const [only = nothing, ...others] = arriving.parts;
      this.#ready = arriving.whole ?? (others.length === 0 ? only : Buffer.concat(arriving.parts));
      this.#arriving = undefined;
      return true;
    }
    // Memory is for who has sent something: to announce a long message is too easy.
    if (arriving.received >= smallMessageBytes && arriving.whole === undefined) {
      this.#waitsForRoom = !this.#rooms.take(this.#begun, arriving.length);
      if (!this.#waitsForRoom) putTogether(arriving);
    }
    return false;
  }

  #roomGranted(): void {
    // While it is asked for, whoever asks sees that it is there.
    if (!this.#waitsForRoom) return;
    this.#waitsForRoom = false;
    if (this.#arriving !== undefined) putTogether(this.#arriving);
    this.#goOn();
  }

  #deliver(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    if (this.#ready !== undefined) {
      const message = this.#ready;
      this.#ready = undefined;
      this.#wanted = undefined;
      wanted.resolve(message);
    } else if (this.#fault !== undefined) {
      this.#wanted = undefined;
      wanted.reject(this.#fault);
    } else if (this.hasEnded) {
      this.#wanted = undefined;
      wanted.resolve(undefined);
    }
  }

  #fail(code: Status, sentence: string): void {
    this.#fault = new ServerError(code, sentence);
    this.#rest = nothing;
    this.#arriving = undefined;
  }
}

/** What has come so far goes where the rest will. */
function putTogether(arriving: Arriving): void {
  arriving.whole = Buffer.allocUnsafeSlow(arriving.length);
  let at = 0;
  for (const part of arriving.parts) {
    arriving.whole.set(part, at);
    at += part.length;
  }
  arriving.parts.length = 0;
}
