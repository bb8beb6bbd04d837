import type { Output } from './output.ts';
import { errorCode, maxWindow } from './protocol.ts';

/** A client that is told of the end of a connection knows of it within this time, or never will. Milliseconds. */
const knowsMs = 1000;
/** The ping whose answer shows that the client knows. */
const lastPing = Buffer.from('goodbye.');

/**
 * Ends a connection in order (RFC 9113, 6.8): the client is told, and what it begins until it knows is still answered. It is told then what
 * the last of that was, so that it begins what comes later elsewhere.
 */
export class Goodbye {
  readonly #output: Output;
  readonly #lastStreamId: () => number;
  readonly #onKnown: () => void;
  #timer: NodeJS.Timeout | undefined;
  #state: 'none' | 'said' | 'known' = 'none';

  /** `onKnown`: nothing that begins from now on is answered. */
  constructor(output: Output, lastStreamId: () => number, onKnown: () => void) {
    this.#output = output;
    this.#lastStreamId = lastStreamId;
    this.#onKnown = onKnown;
  }

  get wasSaid(): boolean {
    return this.#state !== 'none';
  }

  get isKnown(): boolean {
    return this.#state === 'known';
  }

  say(): void {
    if (this.wasSaid) return;
    this.#state = 'said';
    this.#output.goaway(maxWindow, errorCode.noError, '');
    this.#output.ping(lastPing, false);
    this.#timer = setTimeout(() => this.#known(), knowsMs).unref();
  }

  /** Takes the answer to a ping. */
  pong(payload: Buffer): void {
    if (payload.equals(lastPing)) this.#known();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #known(): void {
    if (this.#state !== 'said') return;
    this.stop();
    this.#state = 'known';
    this.#output.goaway(this.#lastStreamId(), errorCode.noError, '');
    this.#onKnown();
  }
}
