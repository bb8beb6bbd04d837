/** What a client sends before anything else (RFC 9113, 3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Bytes before the payload of each frame: its length, type, flags and stream. */
export const frameHeaderBytes = 9;

/** Types of frames (RFC 9113, 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; ack is for SETTINGS and PING. */
export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Settings of a connection (RFC 9113, 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Why a stream or a connection ends (RFC 9113, 7). */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** One of the codes above; a client may send others. */
export type ErrorCode = number;

/** What a stream and a connection may send before the other side says more. Bytes. */
export const defaultWindow = 65_535;

/** No window is larger. */
export const maxWindow = 2 ** 31 - 1;

/** The longest payload of a frame before the other side says more. Bytes. */
export const defaultMaxFrameSize = 16_384;

/** The other side has broken the protocol in a way that ends the connection. */
export class ConnectionError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}
