import { sentInATurn } from './limits.ts';
import type { Output } from './output.ts';
import { ConnectionError, defaultWindow, errorCode, maxWindow } from './protocol.ts';
import type { ServerStream } from './server-stream.ts';

/** Sends the data of a connection's streams, in turns, as far as the client's windows and the socket take it. */
export class Sender {
  readonly #output: Output;
  /** Streams that may have something to send, in the order of their turns. */
  readonly #ready = new Set<ServerStream>();
  /** What the client takes of all streams together. Bytes. */
  #window = defaultWindow;
  /** The same for a stream that begins. */
  #initialWindow = defaultWindow;

  constructor(output: Output) {
    this.#output = output;
  }

  get initialWindow(): number {
    return this.#initialWindow;
  }

  hasData(stream: ServerStream): void {
    this.#ready.add(stream);
    this.send();
  }

  forget(stream: ServerStream): void {
    this.#ready.delete(stream);
  }

  /** The client takes more. Throws a ConnectionError where that cannot be. */
  widen(bytes: number): void {
    if (bytes === 0) throw new ConnectionError(errorCode.protocolError, 'a window grows by nothing');
    this.#window += bytes;
    if (this.#window > maxWindow)
      throw new ConnectionError(errorCode.flowControlError, 'the window of the connection is too large');
    this.send();
  }

  /** The client takes so much of each stream, of those too that are under way. Throws a ConnectionError where that cannot be. */
  resize(size: number, streams: Iterable<ServerStream>): void {
    const more = size - this.#initialWindow;
    this.#initialWindow = size;
    for (const stream of streams) {
      stream.sendWindow += more;
      if (stream.sendWindow > maxWindow)
        throw new ConnectionError(errorCode.flowControlError, 'a setting makes a window too large');
      if (stream.hasDataToSend) this.#ready.add(stream);
    }
    this.send();
  }

  send(): void {
    for (const stream of this.#ready) {
      if (!this.#maySend()) return;
      this.#ready.delete(stream);
      if (this.#sendTurn(stream)) this.#ready.add(stream);
    }
  }

  /** Whether the stream may have more to send. */
  #sendTurn(stream: ServerStream): boolean {
    for (let left = sentInATurn; left > 0 && this.#maySend();) {
      const part = stream.nextToSend(Math.min(left, this.#output.maxFrameSize, this.#window));
      if (part === undefined) return false;
      this.#output.data(stream, part);
      this.#window -= part.length;
      left -= part.length;
      stream.sent();
    }
    return !stream.isClosed;
  }

  #maySend(): boolean {
    return this.#window > 0 && this.#output.hasRoom;
  }
}
