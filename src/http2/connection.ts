import type { Socket } from 'node:net';
import { type FrameHeader, FrameReader, type FrameUser } from './frame-reader.ts';
import { expectLength, wrongStream } from './frame-checks.ts';
import { Goodbye } from './goodbye.ts';
import { type HeaderBlock, HeaderBlocks } from './header-block.ts';
import { HeaderDecoder } from './header-decoder.ts';
import { maxConcurrentStreams, maxFrameSize, maxHeaderListSize } from './limits.ts';
import { IncomingData } from './incoming-data.ts';
import { nuisanceCount } from './nuisances.ts';
import { Output } from './output.ts';
import { answerInOtherProtocol } from './other-protocols.ts';
import { peerSettings } from './peer-settings.ts';
import {
  ConnectionError,
  errorCode,
  type ErrorCode,
  flag,
  frameType,
  maxWindow,
  setting,
} from './protocol.ts';
import { areTrailers, requestHeaders } from './request-headers.ts';
import { Sender } from './sender.ts';
import { ServerStream } from './server-stream.ts';
import { eachRead } from './socket-bytes.ts';

/** Who hears of a connection. */
export interface ConnectionUser {
  /** The client has begun with HTTP/2. */
  ready(): void;
  /** A request has begun. */
  stream(stream: ServerStream): void;
  /** Its headers are more than is taken: it has none. */
  streamOfTooManyHeaders(stream: ServerStream): void;
  /** One stream less. */
  streamClosed(): void;
}

/** For a client to take the reason why its connection ends. Milliseconds. */
const failedMs = 1000;
const noHeaders = Object.freeze({});

/** The server's side of an HTTP/2 connection (RFC 9113) that the client has begun knowing that it is one. */
export class Connection implements FrameUser {
  readonly socket: Socket;
  readonly #user: ConnectionUser;
  readonly #reader = new FrameReader(this);
  readonly #output: Output;
  readonly #headerBlocks = new HeaderBlocks();
  readonly #decoder = new HeaderDecoder(maxHeaderListSize);
  readonly #streams = new Map<number, ServerStream>();
  readonly #sender: Sender;
  readonly #goodbye: Goodbye;
  readonly #isNuisance = nuisanceCount();
  /** Set when the client has begun. */
  #incoming: IncomingData | undefined;
  #lastStreamId = 0;
  #hasSettings = false;
  #isClosed = false;
  #onPong: (() => void) | undefined;

  constructor(socket: Socket, user: ConnectionUser) {
    this.socket = socket;
    this.#user = user;
    this.#output = new Output(socket, () => this.#roomToSend());
    this.#sender = new Sender(this.#output);
    this.#goodbye = new Goodbye(
      this.#output,
      () => this.#lastStreamId,
      () => this.#endIfDone(),
    );
    eachRead(socket, (chunk) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('end', () => this.#closed());
    socket.on('close', () => this.#closed());
  }

  /** Where the client is; undefined on a socket file. */
  get peer(): { readonly address: string; readonly port: number } | undefined {
    const { remoteAddress, remotePort } = this.socket;
    return remoteAddress === undefined ? undefined : { address: remoteAddress, port: remotePort ?? 0 };
  }

  /** How many there are now. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Whether it takes no new streams soon, or is gone. */
  get isClosing(): boolean {
    return this.#isClosed || this.#goodbye.wasSaid;
  }

  /** Ends it in order: the client is told, streams that it begins until it knows are answered, and then it is closed. */
  close(): void {
    if (this.#hasSettings) this.#goodbye.say();
    else this.socket.end();
  }

  /** Ends it at once. */
  destroy(): void {
    this.socket.destroy();
    this.#closed();
  }

  /** Asks the client whether it is there. */
  ping(onPong: () => void): void {
    this.#onPong = onPong;
    this.#output.ping(Buffer.alloc(8), false);
  }

  // Towards streams.

  sendHeaders(stream: ServerStream, block: Uint8Array, endStream: boolean): void {
    this.#output.headers(stream.id, block, endStream);
  }

  sendReset(stream: ServerStream, code: ErrorCode): void {
    this.#output.reset(stream.id, code);
  }

  sendWindowUpdate(stream: ServerStream, bytes: number): void {
    this.#output.windowUpdate(stream.id, bytes);
  }

  hasDataToSend(stream: ServerStream): void {
    this.#sender.hasData(stream);
  }

  streamClosed(stream: ServerStream): void {
    this.#streams.delete(stream.id);
    this.#sender.forget(stream);
    this.#user.streamClosed();
    this.#endIfDone();
  }

  // Towards the reader of frames.

  begins(): void {
    this.#output.settings([
      [setting.maxConcurrentStreams, maxConcurrentStreams],
      [setting.maxFrameSize, maxFrameSize],
      [setting.maxHeaderListSize, maxHeaderListSize],
    ]);
    this.#incoming = new IncomingData((bytes) => this.#output.windowUpdate(0, bytes));
  }

  frame(header: FrameHeader, payload: Buffer): void {
    this.#headerBlocks.expect(header);
    if (!this.#hasSettings && header.type !== frameType.settings)
      throw new ConnectionError(errorCode.protocolError, 'the first frame has no settings');
    switch (header.type) {
      case frameType.headers:
      case frameType.continuation: {
        if (header.streamId % 2 === 0) throw wrongStream(header);
        const block = this.#headerBlocks.take(header, payload);
        return block && this.#takeHeaders(block);
      }
      case frameType.rstStream:
        expectLength(header, 4);
        return this.#takeReset(header);
      case frameType.settings:
        return this.#takeSettings(header, payload);
      case frameType.ping:
        return this.#takePing(header, payload);
      case frameType.windowUpdate:
        expectLength(header, 4);
        return this.#takeWindowUpdate(header, payload.readUInt32BE(0) & maxWindow);
      case frameType.priority:
        expectLength(header, 5);
        if (header.streamId === 0) throw wrongStream(header);
        return;
      case frameType.goaway:
        if (header.streamId !== 0) throw wrongStream(header);
        return;
      case frameType.pushPromise:
        throw wrongStream(header);
      // Others are for those who know them.
      default:
    }
  }

  dataBegins(header: FrameHeader): void {
    const { length, flags } = header;
    this.#headerBlocks.expect(header);
    if (!this.#hasSettings)
      throw new ConnectionError(errorCode.protocolError, 'the first frame has no settings');
    const stream = this.#streamOf(header);
    if (length === 0 && (flags & flag.endStream) === 0) this.#nuisance();
    this.#incoming?.begins(header, stream);
  }

  data(chunk: Buffer): void {
    this.#incoming?.data(chunk);
  }

  dataEnds(): void {
    this.#incoming?.ends();
  }

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return this.#fail(error, chunk);
    }
    if (this.#output.isFull) this.socket.pause();
  }

  /** The stream of a frame; undefined for one that has been, or was not begun any more. Throws for one that has not begun. */
  #streamOf(header: FrameHeader): ServerStream | undefined {
    const { streamId } = header;
    const hasBegun = streamId <= this.#lastStreamId || this.#goodbye.isKnown;
    if (streamId % 2 === 0 || !hasBegun) throw wrongStream(header);
    return this.#streams.get(streamId);
  }

  #takeHeaders({ streamId, block, endStream }: HeaderBlock): void {
    const { fields, isTooLong } = this.#decoder.decode(block);
    const known = this.#streams.get(streamId);
    if (known !== undefined) {
      if (known.hasRequestEnded) known.reset(errorCode.streamClosed);
      else if (!endStream || !areTrailers(fields)) known.reset(errorCode.protocolError);
      else known.requestEnded();
      return;
    }
    // One that was reset here may still be sent to.
    if (streamId <= this.#lastStreamId) return;
    // What the client will be told was not begun.
    if (this.#goodbye.isKnown) return;
    this.#lastStreamId = streamId;
    if (this.#streams.size >= maxConcurrentStreams) {
      this.#nuisance();
      return this.#output.reset(streamId, errorCode.refusedStream);
    }
    const headers = isTooLong ? noHeaders : requestHeaders(fields);
    if (headers === undefined) {
      this.#nuisance();
      return this.#output.reset(streamId, errorCode.protocolError);
    }
    const stream = new ServerStream(this, streamId, headers, this.#sender.initialWindow, endStream);
    this.#streams.set(streamId, stream);
    if (isTooLong) this.#user.streamOfTooManyHeaders(stream);
    else this.#user.stream(stream);
    if (endStream) stream.requestEnded();
  }

  #takeReset(header: FrameHeader): void {
    this.#nuisance();
    this.#streamOf(header)?.closed();
  }

  #takeSettings(header: FrameHeader, payload: Buffer): void {
    if (header.streamId !== 0) throw wrongStream(header);
    if ((header.flags & flag.ack) !== 0) return expectLength(header, 0);
    this.#nuisance();
    const { initialWindowSize, maxFrameSize: theirMax } = peerSettings(payload);
    if (theirMax !== undefined) this.#output.maxFrameSize = theirMax;
    // Before anything is sent that only they allow.
    this.#output.settingsAck();
    if (initialWindowSize !== undefined) this.#sender.resize(initialWindowSize, this.#streams.values());
    if (this.#hasSettings) return;
    this.#hasSettings = true;
    this.#user.ready();
  }

  #takePing(header: FrameHeader, payload: Buffer): void {
    expectLength(header, 8);
    if (header.streamId !== 0) throw wrongStream(header);
    if ((header.flags & flag.ack) === 0) return this.#output.ping(payload, true);
    this.#goodbye.pong(payload);
    this.#onPong?.();
    this.#onPong = undefined;
  }

  #takeWindowUpdate(header: FrameHeader, bytes: number): void {
    if (header.streamId === 0) return this.#sender.widen(bytes);
    const stream = this.#streamOf(header);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    if (bytes === 0) return stream.reset(errorCode.protocolError);
    if (stream.sendWindow > maxWindow) return stream.reset(errorCode.flowControlError);
    if (stream.hasDataToSend) this.hasDataToSend(stream);
  }

  #roomToSend(): void {
    this.#sender.send();
    if (this.socket.isPaused() && !this.#output.isFull) this.socket.resume();
  }

  #nuisance(): void {
    if (this.#isNuisance())
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that lead to nothing');
  }

  #endIfDone(): void {
    if (this.#goodbye.isKnown && this.#streams.size === 0) this.#output.end();
  }

  /** `chunk`: in which it was. */
  #fail({ code, message }: ConnectionError, chunk: Buffer): void {
    if (this.#reader.hasBegun) this.#output.goaway(this.#lastStreamId, code, message);
    else this.#output.text(answerInOtherProtocol(chunk));
    this.#output.end();
    setTimeout(() => this.socket.destroy(), failedMs).unref();
    this.#closed();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#goodbye.stop();
    for (const stream of this.#streams.values()) stream.closed();
  }
}
