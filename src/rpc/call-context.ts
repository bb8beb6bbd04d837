import type { ServerCall } from '../grpc/server-call.ts';
import { type Caller, callerOf, type CallerRules } from './caller.ts';

/** What the services' handlers are given with each call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The call has no end of its own and ends when the server stops: health's Watch. */
  abortOnTerminate(): void;
}

/** Throws what callerOf() does. */
export function callContext(call: ServerCall, rules: CallerRules): CallContext {
  return new ContextOfCall(call, callerOf(call, rules));
}

/**
 * A class, since a literal with a getter has a hidden class of its own each time. Those are thrown away late, and each would keep all that
 * its call had until then.
 */
class ContextOfCall implements CallContext {
  readonly caller: Caller;
  readonly #call: ServerCall;

  constructor(call: ServerCall, caller: Caller) {
    this.#call = call;
    this.caller = caller;
  }

  /** Made when it is asked for: most calls are answered without a look at it. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  abortOnTerminate(): void {
    this.#call.endAtDrain();
  }
}
