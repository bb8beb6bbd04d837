import type { Connection } from './connection.ts';
import { defaultWindow, errorCode, type ErrorCode } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { announcedBytes, type RequestHeaders } from './request-headers.ts';

/** Who takes what a stream brings. */
export interface StreamUser {
  /** A part of the body, for the time of the call. Its bytes count against the stream's window until consumed() is told of them. */
  data(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
}

/** What the connection does for its streams. */
export type StreamConnection = Pick<
  Connection,
  'peer' | 'socket' | 'sendHeaders' | 'sendReset' | 'sendWindowUpdate' | 'hasDataToSend' | 'streamClosed'
>;

/** A request and its answer. */
export class ServerStream {
  readonly id: number;
  readonly headers: RequestHeaders;
  readonly connection: StreamConnection;
  readonly #receiveWindow: ReceiveWindow;
  readonly #closeListeners: (() => void)[] = [];
  /** What is to be sent, the first of it from `#sentOfFirst` on. */
  #queue: Uint8Array[] = [];
  #sentOfFirst = 0;
  /** All that write() was given, and what the system has taken of it. */
  #givenBytes = 0;
  #writtenBytes = 0;
  /** Who waits for how much of it to be taken. */
  readonly #waiting: { readonly bytes: number; readonly onWritten: () => void }[] = [];
  #trailers: Uint8Array | undefined;
  #user: StreamUser | undefined;
  /** Of the body, so many bytes have come, and so many will; undefined where only its end tells. */
  #bodyBytes = 0;
  readonly #announcedBytes: number | undefined;
  #headersSent = false;
  #hasEnded = false;
  #hasRequestEnded = false;
  /** The request has headers only: who answers at once does so before it is told of the end. */
  readonly #isBodiless: boolean;
  #isClosed = false;
  /** What the client takes now. It may be less than nothing, when it has made its windows smaller. */
  sendWindow: number;

  constructor(
    connection: StreamConnection,
    id: number,
    headers: RequestHeaders,
    sendWindow: number,
    isBodiless: boolean,
  ) {
    this.connection = connection;
    this.id = id;
    this.headers = headers;
    this.sendWindow = sendWindow;
    this.#announcedBytes = announcedBytes(headers);
    this.#isBodiless = isBodiless;
    this.#receiveWindow = new ReceiveWindow(defaultWindow, defaultWindow, (bytes) =>
      connection.sendWindowUpdate(this, bytes),
    );
  }

  /** Who hears of what comes; without one it is thrown away. */
  use(user: StreamUser): void {
    this.#user = user;
  }

  /** Called once, when the answer has gone, and the request is whole or of no interest; or when either was given up. */
  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether an answer has begun. */
  get headersSent(): boolean {
    return this.#headersSent;
  }

  /** Whether the client has sent all that it will. */
  get hasRequestEnded(): boolean {
    return this.#hasRequestEnded;
  }

  /** Bytes of the answer that the system has not taken yet. */
  get unsentBytes(): number {
    return this.#isClosed ? 0 : this.#givenBytes - this.#writtenBytes;
  }

  /** Whether something of the answer waits for the client, or for its turn. */
  get hasDataToSend(): boolean {
    return this.#queue.length > 0;
  }

  /** Sends the headers of an answer, made by headerBlock(); with `endStream`, the whole of it. */
  respond(block: Uint8Array, endStream = false): void {
    if (this.#isClosed || this.#headersSent) return;
    this.#headersSent = true;
    this.connection.sendHeaders(this, block, endStream);
    if (endStream) this.#answered();
  }

  /**
   * Sends a part of the body. `onWritten` is called when the system has taken all of it, and its bytes may be something else; not when the
   * stream is given up before.
   */
  write(bytes: Uint8Array, onWritten?: () => void): void {
    if (this.#isClosed || this.#trailers !== undefined) return;
    this.#queue.push(bytes);
    this.#givenBytes += bytes.length;
    if (onWritten !== undefined) this.#waiting.push({ bytes: this.#givenBytes, onWritten });
    this.connection.hasDataToSend(this);
  }

  /** Ends the answer with trailers, made by headerBlock(), when the body is on its way. */
  end(trailers: Uint8Array): void {
    if (this.#isClosed || this.#trailers !== undefined) return;
    this.#trailers = trailers;
    this.#endIfSent();
  }

  /** Gives the stream up. */
  reset(code: ErrorCode): void {
    if (this.#isClosed) return;
    this.connection.sendReset(this, code);
    this.closed();
  }

  /** Ends a stream whose client has its answer, and may go on sending. Where the answer still waits, that goes first. */
  closeAfterAnswer(): void {
    if (this.#hasEnded) this.reset(errorCode.noError);
  }

  /** So many bytes of the body are not kept any more: the client may send others. */
  consumed(bytes: number): void {
    if (!this.#isClosed && !this.#hasRequestEnded) this.#receiveWindow.consumed(bytes);
  }

  /** There is room for so many bytes more than the client was told. */
  expect(bytes: number): void {
    if (!this.#isClosed && !this.#hasRequestEnded) this.#receiveWindow.expect(bytes);
  }

  /** From now on the client may send so much ahead. Bytes. */
  widenWindow(size: number): void {
    if (!this.#isClosed && !this.#hasRequestEnded) this.#receiveWindow.resize(size);
  }

  /** Takes the next bytes to send, at most so many; undefined where nothing may be sent. */
  nextToSend(most: number): Uint8Array | undefined {
    const [first] = this.#queue;
    if (first === undefined) return undefined;
    const end = Math.min(first.length, this.#sentOfFirst + Math.min(most, this.sendWindow));
    if (end <= this.#sentOfFirst && first.length > 0) return undefined;
    const part = first.subarray(this.#sentOfFirst, end);
    this.sendWindow -= part.length;
    this.#sentOfFirst = end;
    if (end === first.length) {
      this.#queue.shift();
      this.#sentOfFirst = 0;
    }
    return part;
  }

  /** After nextToSend() was sent. */
  sent(): void {
    this.#endIfSent();
  }

  written(bytes: number): void {
    if (this.#isClosed) return;
    this.#writtenBytes += bytes;
    while (this.#waiting[0] !== undefined && this.#waiting[0].bytes <= this.#writtenBytes)
      this.#waiting.shift()?.onWritten();
  }

  /** Whether so many bytes were allowed. They belong to a frame that begins. */
  receive(bytes: number): boolean {
    return this.#receiveWindow.receive(bytes);
  }

  received(chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#announcedBytes !== undefined && this.#bodyBytes > this.#announcedBytes)
      return this.reset(errorCode.protocolError);
    if (this.#user === undefined) this.consumed(chunk.length);
    else this.#user.data(chunk);
  }

  requestEnded(): void {
    if (this.#isClosed || this.#hasRequestEnded) return;
    if (this.#announcedBytes !== undefined && this.#bodyBytes !== this.#announcedBytes)
      return this.reset(errorCode.protocolError);
    this.#hasRequestEnded = true;
    this.#user?.end();
    if (this.#hasEnded) this.closed();
  }

  /** Nothing more comes or goes. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    this.connection.streamClosed(this);
    for (const listener of this.#closeListeners.splice(0)) listener();
  }

  #endIfSent(): void {
    if (this.#isClosed || this.#trailers === undefined || this.#queue.length > 0 || this.#hasEnded) return;
    this.connection.sendHeaders(this, this.#trailers, true);
    this.#answered();
  }

  #answered(): void {
    this.#hasEnded = true;
    if (this.#hasRequestEnded || this.#isBodiless) this.closed();
  }
}
