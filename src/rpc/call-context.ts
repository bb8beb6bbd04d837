import type { ServerCall } from '../grpc/server-call.ts';
import { type Caller, callerOf, type CallerRules } from './caller.ts';

/** What the services' handlers are given with each call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The call has no end of its own and ends when the server stops; health's Watch looks for it under this name. */
  abortOnTerminate(): void;
}

/** Throws what callerOf() does. */
export function callContext(call: ServerCall, rules: CallerRules): CallContext {
  const caller = callerOf(call, rules);
  return {
    caller,
    // Made when it is asked for: most calls are answered without a look at it.
    get signal() {
      return call.signal;
    },
    abortOnTerminate: () => call.endAtDrain(),
  };
}
