import { ServerError, Status } from './status.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import { errorCode } from '../http2/protocol.ts';
import type { ServerStream, StreamUser } from '../http2/server-stream.ts';
import { Backlog } from './backlog.ts';
import { maxMessageBytes, smallMessageBytes, wideWindowBytes } from './limits.ts';
import { prefixBytes } from './message-frame.ts';
import { MessageRooms } from './message-rooms.ts';

/** A message of which some has come. */
interface Arriving {
  readonly length: number;
  received: number;
  /** Where it is put together; only its beginning, until there is memory for all of it. */
  bytes: Buffer | undefined;
}

/** For a client that does not stop sending after its call has ended. */
const mostUnwantedBytes = maxMessageBytes;

/**
 * The messages that a client sends in one call. One is put together while the handler is at the one before it, and no more: what comes
 * then waits, and the client is not told that it may send more. Nor is it while memory for a long message is short.
 */
export class IncomingMessages implements StreamUser {
  readonly #stream: ServerStream;
  readonly #rooms: MessageRooms;
  /** What has come and was not looked at yet. */
  readonly #backlog = new Backlog();
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixSeen = 0;
  #arriving: Arriving | undefined;
  /** Where long messages begin. */
  #head: Buffer | undefined;
  /** Memory of the messages that were given, where it is theirs alone, and of one that is not needed any more. */
  readonly #given: (Buffer | undefined)[] = [];
  #spare: Buffer | undefined;
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
  constructor(stream: ServerStream, memory: ByteBudget, owner: string) {
    this.#stream = stream;
    this.#rooms = new MessageRooms(memory, owner, () => this.#roomGranted());
    stream.use(this);
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
    return !this.#ended && !this.#isFull;
  }

  /** Whether there is nothing more, nothing that waits to be taken, and nothing that is wrong. */
  get hasEnded(): boolean {
    return this.#fault === undefined && this.#ended && !this.#isFull && this.#backlog.length === 0;
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

  /** The oldest message is not needed any more; with `isFree`, nobody has anything that is in it. */
  messageDone(isFree: boolean): void {
    const memory = this.#given.shift();
    if (isFree && !this.#closed) this.#spare = memory ?? this.#spare;
    this.#rooms.done(++this.#done, this.#begun);
  }

  /** Nothing more is wanted: what comes is thrown away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.consumed(this.#backlog.length);
    this.#backlog.clear();
    this.#arriving = undefined;
    this.#head = undefined;
    this.#spare = undefined;
    this.#ready = undefined;
    // Old garbage can lead here: what it leads to is not collected before all garbage is.
    this.#given.length = 0;
    this.#rooms.releaseAll();
    this.#wanted?.resolve(undefined);
    this.#wanted = undefined;
  }

  data(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#closed) this.#throwAway(chunk.length);
    else if (this.#fault !== undefined) this.#stream.consumed(chunk.length);
    else {
      const taken = this.#took(chunk);
      if (taken < chunk.length) this.#backlog.add(chunk.subarray(taken));
    }
  }

  end(): void {
    this.#ended = true;
    if (!this.#closed) this.#goOn();
  }

  get #isFull(): boolean {
    return this.#ready !== undefined || this.#waitsForRoom;
  }

  #throwAway(bytes: number): void {
    this.#unwantedBytes += bytes;
    if (this.#unwantedBytes > mostUnwantedBytes) this.#stream.reset(errorCode.noError);
    else this.#stream.consumed(bytes);
  }

  #goOn(): void {
    if (this.#backlog.length > 0 && !this.#isFull) this.#backlog.taken(this.#took(this.#backlog.bytes));
    if (this.hasEnded && (this.#arriving !== undefined || this.#prefixSeen > 0))
      this.#fail(Status.INVALID_ARGUMENT, 'the call ends in the middle of a message');
    this.#deliver();
  }

  /** Makes messages of it, until one waits to be taken. Gives how much of it that was: the rest waits too. */
  #took(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#isFull && this.#fault === undefined) {
      at = this.#arriving === undefined ? this.#begin(chunk, at) : this.#fill(this.#arriving, chunk, at);
      this.#deliver();
    }
    if (this.#fault !== undefined) at = chunk.length;
    this.#stream.consumed(at);
    return at;
  }

  /** Takes what stands before a message. */
  #begin(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + prefixBytes - this.#prefixSeen);
    chunk.copy(this.#prefix, this.#prefixSeen, at, end);
    this.#prefixSeen += end - at;
    if (this.#prefixSeen < prefixBytes) return end;
    this.#prefixSeen = 0;
    const length = this.#prefix.readUInt32BE(1);
    if (this.#prefix[0] !== 0)
      this.#fail(
        Status.UNIMPLEMENTED,
        'compressed messages are not taken here; send them without grpc-encoding',
      );
    else if (length > maxMessageBytes)
      this.#fail(
        Status.RESOURCE_EXHAUSTED,
        `the message has ${length} bytes, and at most ${maxMessageBytes} are taken; use ByteStream for large blobs`,
      );
    else {
      this.#begun++;
      if (length === 0) this.#whole(new Uint8Array(), end);
      else this.#arriving = { length, received: 0, bytes: undefined };
    }
    return end;
  }

  /** Takes what there is of a message. */
  #fill(arriving: Arriving, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + arriving.length - arriving.received);
    if (end - at === arriving.length) {
      return this.#whole(Buffer.from(chunk.subarray(at, end)), end);
    }
    arriving.bytes ??= this.#beginningOf(arriving);
    const taken = chunk.copy(arriving.bytes, arriving.received, at, end);
    arriving.received += taken;
    if (arriving.received === arriving.length) return this.#whole(arriving.bytes, end, arriving.bytes);
    // Memory is for who has sent something: to announce a long message is too easy.
    if (arriving.received === arriving.bytes.length) {
      this.#waitsForRoom = !this.#rooms.take(this.#begun, arriving.length + wideWindowBytes);
      if (!this.#waitsForRoom) this.#giveRoom(arriving);
    }
    return at + taken;
  }

  #beginningOf({ length }: Arriving): Buffer {
    if (length <= smallMessageBytes) return Buffer.allocUnsafeSlow(length);
    return (this.#head ??= Buffer.allocUnsafeSlow(smallMessageBytes));
  }

  /** `memory`: set where it is the message's alone. */
  #whole(message: Uint8Array, end: number, memory?: Buffer): number {
    this.#ready = message;
    this.#given.push(memory);
    this.#arriving = undefined;
    return end;
  }

  #giveRoom(arriving: Arriving): void {
    const { length, received } = arriving;
    const spare = this.#spare;
    this.#spare = undefined;
    // Messages of an upload are of one length, but for the last.
    const fits = spare !== undefined && spare.length >= length;
    const bytes = fits ? spare.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    arriving.bytes?.copy(bytes, 0, 0, received);
    arriving.bytes = bytes;
    this.#stream.widenWindow(wideWindowBytes);
    this.#stream.expect(length - received);
  }

  #roomGranted(): void {
    // While it is asked for, whoever asks sees that it is there.
    if (!this.#waitsForRoom) return;
    this.#waitsForRoom = false;
    if (this.#arriving !== undefined) this.#giveRoom(this.#arriving);
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
    this.#arriving = undefined;
  }
}
