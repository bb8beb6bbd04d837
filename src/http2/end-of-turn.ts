/** Answers wait at most so long for connections that come. Milliseconds. */
const mostMs = 50;
/** Whether more have come is looked at so often. Milliseconds. */
const lookMs = 1;

/**
 * What is done once all that has come in a turn of the event loop was worked on.
 *
 * A turn takes in one connection: libuv accepts one, and node:cluster hands one over and waits for the worker to say that it has it. While those that are
 * there already send one call after the other, a turn takes as long as a call of each, and the last of a thousand that come at once would wait for
 * seconds. So while connections come turn after turn, answers wait: clients that have none send no more, and turns are short.
 */
export class EndOfTurn {
  #actions: (() => void)[] = [];
  /** Whether a connection has come in this turn, and in the one before it. */
  #came = false;
  #cameBefore = false;
  #waitingSince: number | undefined;
  /** Not before that may answers wait again: at least half of the time belongs to them. */
  #notBefore = 0;
  readonly #look = () => this.#end();
  readonly #now: () => number;

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A connection is new. */
  connectionCame(): void {
    this.#came = true;
  }

  /** Does it once, when the turn has ended. */
  add(action: () => void): void {
    this.#actions.push(action);
    if (this.#actions.length === 1) setImmediate(this.#look);
  }

  #end(): void {
    const isBurst = this.#came && this.#cameBefore;
    this.#cameBefore = this.#came;
    this.#came = false;
    const now = this.#now();
    if (isBurst && now >= this.#notBefore) {
      this.#waitingSince ??= now;
      if (now - this.#waitingSince < mostMs) {
        setTimeout(this.#look, lookMs);
        return;
      }
    }
    if (this.#waitingSince !== undefined) this.#notBefore = now + (now - this.#waitingSince);
    this.#waitingSince = undefined;
    const actions = this.#actions;
    this.#actions = [];
    for (const action of actions) action();
  }
}

/** Of the event loop of this process. */
export const endOfTurn = new EndOfTurn(() => performance.now());
