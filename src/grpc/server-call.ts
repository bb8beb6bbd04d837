import { ServerError, Status } from './status.ts';
import type { ByteBudget, Taken } from '../core/byte-budget.ts';
import { errorCode } from '../http2/protocol.ts';
import type { RequestHeaders } from '../http2/request-headers.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import { timeoutOf } from './call-timeout.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { copiesOfAnswer, smallMessageBytes } from './limits.ts';
import { framed } from './message-frame.ts';
import type { Method } from './service.ts';
import { type CallStatus, responseBlock, sendOnlyStatus, trailersBlock } from './call-status.ts';

/** What calls share. */
export interface SharedMemory {
  readonly incoming: ByteBudget;
  readonly outgoing: ByteBudget;
}

/** What a server does about its calls, beside answering them. */
export interface CallHooks<Context> {
  /** Makes what handlers are given, or throws to refuse the call. */
  contextOf(call: ServerCall): Context;
  /** The status for what a handler has thrown. */
  statusOf(error: unknown, call: ServerCall): CallStatus;
  /** Hears of each call for which there is a method, when it has begun. */
  began(call: ServerCall): void;
  /** The same when it has ended, after the status was sent. Seconds. */
  ended(call: ServerCall, status: CallStatus, seconds: number): void;
  /** Each message of a call whose requests, or answers, are a stream. */
  streamed(call: ServerCall, direction: 'received' | 'sent'): void;
}

/**
 * Messages that may be on their way to the client when another is written: the handler is asked for the next when only the last of them is.
 * Readings that reuse memory count on it (BlobReading.reusing).
 */
const mostUnflushed = 2;
const ok: CallStatus = { code: Status.OK, message: '' };

/** One call: its messages in, its messages out, and its end. */
export class ServerCall {
  readonly headers: RequestHeaders;
  readonly method: Method<never>;
  readonly #stream: ServerStream;
  readonly #owner: string;
  readonly #memory: SharedMemory;
  readonly #incoming: IncomingMessages;
  readonly #answers: Taken[] = [];
  readonly #draining: AbortSignal;
  #aborting: AbortController | undefined;
  #abortReason: unknown;
  #deadline: NodeJS.Timeout | undefined;
  #status: CallStatus | undefined;
  #unflushed = 0;
  #flushes = 0;
  #onFlushed: (() => void) | undefined;
  #stopsAtDrain: (() => void) | undefined;

  /** `owner`: whose the memory is that it takes. */
  constructor(
    stream: ServerStream,
    method: Method<never>,
    owner: string,
    memory: SharedMemory,
    draining: AbortSignal,
  ) {
    this.#stream = stream;
    this.headers = stream.headers;
    this.method = method;
    this.#owner = owner;
    this.#memory = memory;
    this.#draining = draining;
    this.#incoming = new IncomingMessages(stream, memory.incoming, owner);
    stream.onClose(() => this.#closed());
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    this.#aborting ??= new AbortController();
    if (this.#abortReason !== undefined) this.#aborting.abort(this.#abortReason);
    return this.#aborting.signal;
  }

  /** Where the client is: its address, and 'a local proxy' on a socket. */
  get peer(): string {
    const { peer } = this.#stream.connection;
    return peer === undefined ? 'a local proxy' : `${peer.address}:${peer.port}`;
  }

  get stream(): ServerStream {
    return this.#stream;
  }

  /** The call has no end of its own: it ends when the server stops. */
  endAtDrain(): void {
    this.#stopsAtDrain ??= () => this.#abort(new DOMException('the server is stopping', 'AbortError'));
    if (this.#draining.aborted) this.#stopsAtDrain();
    else this.#draining.addEventListener('abort', this.#stopsAtDrain, { once: true });
  }

  /**
   * The handler needs the oldest message no more. Those of a call with one message are kept until it ends. `isFree`: nobody has anything that is in
   * it, and its memory may become the next.
   */
  messageDone(isFree: boolean): void {
    this.#incoming.messageDone(isFree);
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
    if (this.#stream.isClosed) this.#releaseAll();
  }

  /** Bytes that wait for the client to take them. */
  get unsentBytes(): number {
    return this.#stream.unsentBytes;
  }

  get holdsForClient(): boolean {
    return this.#incoming.holdsForClient;
  }

  /** Bytes that have come so far. */
  get receivedBytes(): number {
    return this.#incoming.receivedBytes;
  }

  /** How many messages the client has taken. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Whether we wait for the client: it has to send something, or to take what was sent. */
  get isClientsTurn(): boolean {
    return this.unsentBytes > 0 || this.#incoming.isClientsTurn;
  }

  /** Answers the call with its method's handler. Never rejects. */
  async serve<Context>(method: Method<Context>, hooks: CallHooks<Context>): Promise<void> {
    const begun = performance.now();
    hooks.began(this);
    let status = ok;
    try {
      this.#startDeadline();
      const context = hooks.contextOf(this);
      await this.#answer(method, context, hooks);
    } catch (error) {
      status = this.#status ?? hooks.statusOf(error, this);
    }
    this.end(status);
    hooks.ended(this, this.#status ?? status, (performance.now() - begun) / 1000);
  }

  /**
   * Ends the call with a status, where none was sent yet. An upload is treated as after a broken connection: what it has
   * brought is kept. What the client sends after that is thrown away: reset at once, some do not see the answer.
   */
  end(status: CallStatus): void {
    if (this.#status !== undefined) return;
    this.#status = status;
    clearTimeout(this.#deadline);
    this.#sendStatus(status);
    if (status.code !== Status.OK)
      this.#abort(new DOMException(status.message || 'the call has ended', 'AbortError'));
    this.#incoming.close();
  }

  async #answer<Context>(
    method: Method<Context>,
    context: Context,
    hooks: CallHooks<Context>,
  ): Promise<void> {
    const { definition, handler } = method;
    const request = definition.requestStream
      ? this.#requests(definition, hooks)
      : this.#decoded(definition, await this.#onlyMessage());
    if (!definition.responseStream) {
      const answer = await (handler(request, context) as Promise<unknown>);
      if (this.#status !== undefined) return;
      this.#stream.respond(responseBlock);
      this.#stream.write(framed(definition, answer));
      return;
    }
    for await (const answer of handler(request, context) as AsyncIterable<unknown>) {
      if (this.#status !== undefined) return;
      hooks.streamed(this, 'sent');
      await this.#send(framed(definition, answer));
    }
  }

  /** All that there is, where there has to be one. */
  async #onlyMessage(): Promise<Uint8Array> {
    const message = await this.#incoming.next();
    this.#expectOpen();
    if (message === undefined) throw new ServerError(Status.INVALID_ARGUMENT, 'the call has no message');
    if (this.#incoming.hasEnded) return message;
    const another = await this.#incoming.next();
    this.#expectOpen();
    if (another !== undefined)
      throw new ServerError(Status.INVALID_ARGUMENT, 'the call has more than one message');
    return message;
  }

  async *#requests<Context>(
    definition: Method<Context>['definition'],
    hooks: CallHooks<Context>,
  ): AsyncGenerator {
    for (;;) {
      const message = await this.#incoming.next();
      this.#expectOpen();
      if (message === undefined) return;
      hooks.streamed(this, 'received');
      yield this.#decoded(definition, message);
    }
  }

  #decoded({ requestType }: Method<never>['definition'], message: Uint8Array): unknown {
    try {
      return requestType.decode(message) as unknown;
    } catch (error) {
      if (error instanceof ServerError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ServerError(
        Status.INVALID_ARGUMENT,
        `the message is none of ${this.method.path}, or damaged: ${reason}`,
      );
    }
  }

  /** Throws when nobody waits for an answer. */
  #expectOpen(): void {
    if (this.#abortReason !== undefined) throw this.#abortReason;
  }

  async #send(frame: Uint8Array): Promise<void> {
    this.#stream.respond(responseBlock);
    this.#unflushed++;
    this.#stream.write(frame, () => {
      this.#unflushed--;
      this.#flushes++;
      this.#onFlushed?.();
    });
    while (this.#unflushed >= mostUnflushed && this.#abortReason === undefined)
      await new Promise<void>((resolve) => {
        this.#onFlushed = resolve;
      });
    this.#onFlushed = undefined;
    this.#expectOpen();
  }

  #sendStatus(status: CallStatus): void {
    const stream = this.#stream;
    if (status.code === Status.OK) stream.respond(responseBlock);
    if (stream.headersSent) stream.end(trailersBlock(status));
    else sendOnlyStatus(stream, status);
  }

  /** Ends the stream of a call whose client does not move, whatever waits to be sent. */
  cut(status: CallStatus): void {
    this.end(status);
    this.#stream.reset(this.#stream.unsentBytes > 0 ? errorCode.cancel : errorCode.noError);
  }

  #startDeadline(): void {
    const timeoutMs = timeoutOf(this.headers['grpc-timeout']);
    if (timeoutMs === undefined) return;
    const isOver = () =>
      this.end({
        code: Status.DEADLINE_EXCEEDED,
        message: 'the time that the client gives the call is over',
      });
    this.#deadline = setTimeout(isOver, timeoutMs);
  }

  #abort(reason: unknown): void {
    this.#abortReason ??= reason;
    this.#aborting?.abort(this.#abortReason);
    this.#onFlushed?.();
  }

  #closed(): void {
    clearTimeout(this.#deadline);
    if (this.#stopsAtDrain !== undefined) this.#draining.removeEventListener('abort', this.#stopsAtDrain);
    if (this.#status === undefined) this.#abort(new DOMException('the caller has hung up', 'AbortError'));
    this.#incoming.close();
    this.#releaseAll();
  }

  #releaseAll(): void {
    for (const taken of this.#answers.splice(0)) taken.release();
  }
}
