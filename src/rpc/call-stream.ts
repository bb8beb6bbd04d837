import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Status } from 'nice-grpc-common';
import type { ByteBudget, Taken } from '../core/byte-budget.ts';
import { copiesOfAnswer, maxMessageBytes, pacedBytes, smallMessageBytes } from './limits.ts';
import { MessageFrames } from './message-frames.ts';

/** What calls share. */
export interface SharedMemory {
  readonly incoming: ByteBudget;
  readonly outgoing: ByteBudget;
}

/** Memory is given out in steps of this. Bytes. */
const roomBytes = 64 * 1024;
const envelopeBytes = 512;

/** Memory for a message. */
type Room = Taken & { readonly bytes: number };

/**
 * The HTTP/2 stream below a call: holds its messages back while memory is short, and knows whether its client
 * moves. grpc-js puts every message together as it comes, 8 MiB for each of a thousand calls.
 */
export class CallStream {
  readonly #stream: ServerHttp2Stream;
  readonly #owner: string;
  readonly #memory: SharedMemory;
  readonly #frames = new MessageFrames();
  /** How many messages have begun, and how many are not needed any more. */
  #begun = 0;
  #done = 0;
  /** Of long messages that are arriving or worked on, by their number. */
  readonly #messages = new Map<number, Room>();
  #kept: Room | undefined;
  readonly #answers: Taken[] = [];
  #isHeldBack = false;
  #receivedBytes = 0;
  #drains = 0;
  #seen = '';
  #stillSince = 0;
  #pacedBytes = 0;
  #pacedAt = 0;

  constructor(stream: ServerHttp2Stream, owner: string, memory: SharedMemory) {
    this.#stream = stream;
    this.#owner = owner;
    this.#memory = memory;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('drain', () => this.#drains++);
    stream.once('finish', () => this.#releaseAll());
    stream.once('close', () => this.#releaseAll());
  }

  /** Its handler needs the oldest message no more. Those of a call with one message are kept until it ends. */
  messageDone(): void {
    this.#done++;
    const done = this.#messages.get(this.#done);
    if (done === undefined) return;
    this.#messages.delete(this.#done);
    const waiting = this.#messages.get(this.#begun);
    if (waiting === undefined || waiting.granted) return this.#spare(done);
    // Whoever has memory and waits for more would keep others from both.
    if (waiting.bytes > done.bytes) return done.release();
    // What iterates over messages remembers the last one until it has the next: its memory is not free before.
    waiting.release();
    this.#messages.set(this.#begun, done);
    this.#goOn();
  }

  /** Resolves when there is memory for an answer with so many bytes of blobs, which it has until the call ends. */
  async expectAnswer(bytes: number, signal: AbortSignal): Promise<void> {
    if (bytes <= smallMessageBytes) return;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const taken = this.#memory.outgoing.take(this.#owner, bytes * copiesOfAnswer, resolve);
      this.#answers.push(taken);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    // It may have ended while it waited.
    if (this.#stream.destroyed) this.#releaseAll();
  }

  /** Bytes that wait for the client to take them. */
  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  /** Whether it has memory for a message of which the client has sent no more than a part. */
  get holdsForClient(): boolean {
    return this.#frames.arriving !== undefined && this.#messages.get(this.#begun)?.granted === true;
  }

  /**
   * For how long the client has done nothing although it is its turn, and how long it has taken for the last few
   * KiB. `now`: milliseconds, as at the look before.
   */
  look(now: number): { stillMs: number; slowMs: number } {
    const seen = `${this.#receivedBytes} ${this.#drains} ${this.#stream.writableLength}`;
    const isTheirs = this.#isClientsTurn();
    if (!isTheirs || seen !== this.#seen) this.#stillSince = now;
    this.#seen = seen;
    if (!isTheirs || this.#receivedBytes - this.#pacedBytes >= pacedBytes) {
      this.#pacedBytes = this.#receivedBytes;
      this.#pacedAt = now;
    }
    return { stillMs: now - this.#stillSince, slowMs: now - this.#pacedAt };
  }

  /** Ends the call with a status where one can still be sent. What an upload has brought is kept, as after a broken connection. */
  end(code: Status, sentence: string): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    if (!stream.headersSent) {
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc+proto',
          'grpc-status': code,
          'grpc-message': encodeURI(sentence),
        },
        { endStream: true },
      );
    }
    const reason = stream.writableEnded ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL;
    // At once it would overtake the answer.
    setImmediate(() => stream.close(reason));
  }

  /** Paused, it is waiting for us: grpc-js reads on when the handler wants the next message. */
  #isClientsTurn(): boolean {
    const { readableEnded, writableLength } = this.#stream;
    return writableLength > 0 || (!readableEnded && !this.#stream.isPaused());
  }

  #take(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    // Nobody reads on in a call that has its answer: what comes is thrown away.
    if (this.#stream.writableEnded) return this.#releaseAll();
    const { begun, ended } = this.#frames.take(chunk);
    this.#begun += begun;
    const { arriving } = this.#frames;
    // Memory is for who has sent something: to announce a long message is too easy. grpc-js refuses what is too long.
    if (arriving === undefined || arriving.received < smallMessageBytes || arriving.length > maxMessageBytes)
      return;
    const taken = this.#messages.get(this.#begun) ?? this.#roomFor(arriving.length);
    this.#messages.set(this.#begun, taken);
    // Where a message ends grpc-js has paused the stream itself, and reads on when the handler wants the next.
    if (ended || taken.granted) return;
    this.#isHeldBack = true;
    this.#stream.pause();
  }

  #roomFor(length: number): Room {
    // Messages of an upload differ by a few bytes around their payload.
    const bytes = Math.ceil((length + envelopeBytes) / roomBytes) * roomBytes;
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined && kept.bytes >= bytes) return kept;
    kept?.release();
    const taken = this.#memory.incoming.take(this.#owner, bytes, () => this.#goOn());
    return Object.assign(taken, { bytes });
  }

  /** For the next message. */
  #spare(room: Room): void {
    this.#kept?.release();
    this.#kept = room;
  }

  #goOn(): void {
    if (this.#isHeldBack) this.#stream.resume();
    this.#isHeldBack = false;
  }

  #releaseAll(): void {
    for (const taken of this.#messages.values()) taken.release();
    this.#messages.clear();
    this.#kept?.release();
    this.#kept = undefined;
    for (const taken of this.#answers.splice(0)) taken.release();
  }
}
