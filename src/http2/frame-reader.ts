import { maxFrameSize } from './limits.ts';
import { ConnectionError, errorCode, flag, frameHeaderBytes, frameType, preface } from './protocol.ts';

/** What stands before the payload of a frame. */
export interface FrameHeader {
  /** Of the payload, in bytes. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Who is told what has come. All may throw a ConnectionError. */
export interface FrameUser {
  /** The client has begun with HTTP/2. */
  begins(): void;
  /** A frame of any type but DATA, whole. `payload` is only for the time of the call. */
  frame(header: FrameHeader, payload: Buffer): void;
  /** A frame of DATA begins; its length counts for flow control, padding included. */
  dataBegins(header: FrameHeader): void;
  /** Some of what it has, which is for the time of the call too: a view of what was read from the socket. */
  data(chunk: Buffer): void;
  dataEnds(): void;
}

const nothing = Buffer.alloc(0);

/** Makes frames of what comes from a client. DATA goes on as it comes, and is not copied. */
export class FrameReader {
  readonly #user: FrameUser;
  #prefaceSeen = 0;
  /** A header, or the payload of a frame that is put together, of which some has come. */
  readonly #headerRoom = Buffer.alloc(frameHeaderBytes);
  #headerSeen = 0;
  #header: FrameHeader | undefined;
  #payload: Buffer = nothing;
  /** Bytes of the payload that have come; of DATA, of all that it has. */
  #seen = 0;
  /** Of DATA: undefined until it is known. */
  #padding: number | undefined;

  constructor(user: FrameUser) {
    this.#user = user;
  }

  /** Takes what was read. Throws a ConnectionError for what is no HTTP/2. */
  read(chunk: Buffer): void {
    let at = this.#readPreface(chunk);
    while (at < chunk.length) {
      if (this.#header === undefined) at = this.#readHeader(chunk, at);
      else if (this.#header.type === frameType.data) at = this.#readData(this.#header, chunk, at);
      else at = this.#readPayload(this.#header, chunk, at);
    }
  }

  /** Whether the client has begun with HTTP/2. */
  get hasBegun(): boolean {
    return this.#prefaceSeen === preface.length;
  }

  #readPreface(chunk: Buffer): number {
    if (this.hasBegun) return 0;
    const length = Math.min(preface.length - this.#prefaceSeen, chunk.length);
    if (chunk.compare(preface, this.#prefaceSeen, this.#prefaceSeen + length, 0, length) !== 0)
      throw new ConnectionError(errorCode.protocolError, 'this is no HTTP/2');
    this.#prefaceSeen += length;
    if (this.hasBegun) this.#user.begins();
    return length;
  }

  #readHeader(chunk: Buffer, at: number): number {
    if (this.#headerSeen === 0 && chunk.length - at >= frameHeaderBytes) {
      this.#begin(chunk, at);
      return at + frameHeaderBytes;
    }
    const end = Math.min(chunk.length, at + frameHeaderBytes - this.#headerSeen);
    chunk.copy(this.#headerRoom, this.#headerSeen, at, end);
    this.#headerSeen += end - at;
    if (this.#headerSeen === frameHeaderBytes) {
      this.#headerSeen = 0;
      this.#begin(this.#headerRoom, 0);
    }
    return end;
  }

  #begin(bytes: Buffer, at: number): void {
    const header = {
      length: bytes.readUIntBE(at, 3),
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
    };
    if (header.length > maxFrameSize)
      throw new ConnectionError(errorCode.frameSizeError, `a frame has ${header.length} bytes`);
    this.#header = header;
    this.#seen = 0;
    if (header.type !== frameType.data) {
      if (header.length === 0) this.#wholeFrame(header, nothing);
      return;
    }
    this.#padding = (header.flags & flag.padded) === 0 ? 0 : undefined;
    this.#user.dataBegins(header);
    if (header.length > 0) return;
    if (this.#padding === undefined) throw wrongPadding();
    this.#dataEnds();
  }

  #readData({ length }: FrameHeader, chunk: Buffer, from: number): number {
    let at = from;
    if (this.#padding === undefined) {
      this.#padding = chunk[at++] ?? 0;
      this.#seen = 1;
      if (this.#padding > length - 1) throw wrongPadding();
    }
    const data = chunk.subarray(at, at + Math.max(0, length - this.#padding - this.#seen));
    if (data.length > 0) this.#user.data(data);
    at += data.length;
    this.#seen += data.length;
    // What is behind the data is padding.
    if (this.#seen >= length - this.#padding) {
      const skipped = Math.min(length - this.#seen, chunk.length - at);
      at += skipped;
      this.#seen += skipped;
      if (this.#seen === length) this.#dataEnds();
    }
    return at;
  }

  #dataEnds(): void {
    this.#header = undefined;
    this.#user.dataEnds();
  }

  #readPayload(header: FrameHeader, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + header.length - this.#seen);
    if (this.#seen === 0 && end - at === header.length) {
      this.#wholeFrame(header, chunk.subarray(at, end));
      return end;
    }
    if (this.#seen === 0) this.#payload = Buffer.allocUnsafeSlow(header.length);
    chunk.copy(this.#payload, this.#seen, at, end);
    this.#seen += end - at;
    if (this.#seen === header.length) {
      const payload = this.#payload;
      this.#payload = nothing;
      this.#wholeFrame(header, payload);
    }
    return end;
  }

  #wholeFrame(header: FrameHeader, payload: Buffer): void {
    this.#header = undefined;
    this.#user.frame(header, payload);
  }
}

function wrongPadding(): ConnectionError {
  return new ConnectionError(errorCode.protocolError, 'a frame has more padding than bytes');
}
