import type { FrameHeader } from './frame-reader.ts';
import { connectionWindow } from './limits.ts';
import { ConnectionError, defaultWindow, errorCode, type ErrorCode, flag } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { ServerStream } from './server-stream.ts';

/** Leads the DATA of a connection to its streams, within what the client may send. */
export class IncomingData {
  readonly #window: ReceiveWindow;
  /** Where the data goes that is coming, how long its frame is, and how much of that was data. */
  #stream: ServerStream | undefined;
  #header: FrameHeader | undefined;
  #dataBytes = 0;

  /** `tell`: the client may send so many bytes more, of all streams together. */
  constructor(tell: (bytes: number) => void) {
    this.#window = new ReceiveWindow(connectionWindow, defaultWindow, tell);
  }

  /** A frame begins; without a stream it is thrown away. Throws a ConnectionError for more than the connection takes. */
  begins(header: FrameHeader, stream: ServerStream | undefined): void {
    const { length } = header;
    if (!this.#window.receive(length))
      throw new ConnectionError(
        errorCode.flowControlError,
        'more data than the window of the connection takes',
      );
    this.#window.consumed(length);
    this.#header = header;
    this.#dataBytes = 0;
    this.#stream = stream;
    if (stream === undefined) return;
    if (stream.hasRequestEnded) this.#refuse(stream, errorCode.streamClosed);
    else if (!stream.receive(length)) this.#refuse(stream, errorCode.flowControlError);
  }

  data(chunk: Buffer): void {
    this.#dataBytes += chunk.length;
    this.#stream?.received(chunk);
  }

  ends(): void {
    const { length, flags } = this.#header ?? { length: 0, flags: 0 };
    this.#stream?.consumed(length - this.#dataBytes);
    if ((flags & flag.endStream) !== 0) this.#stream?.requestEnded();
    this.#stream = undefined;
  }

  #refuse(stream: ServerStream, code: ErrorCode): void {
    stream.reset(code);
    this.#stream = undefined;
  }
}
