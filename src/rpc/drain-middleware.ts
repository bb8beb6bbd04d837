import type { ServerMiddleware } from 'nice-grpc-common';

/** What nice-grpc's services of endless streams look for: health's Watch calls it. */
interface EndsWithDrain {
  /** The call has no end of its own: it ends when the listener drains. */
  abortOnTerminate(): void;
}

/** Without this, one watcher of the server's health would keep it from stopping until the time to drain is up. */
export function drainMiddleware(draining: AbortSignal): ServerMiddleware<EndsWithDrain> {
  return async function* (call, context) {
    const extended = Object.assign(context, {
      abortOnTerminate() {
        extended.signal = AbortSignal.any([extended.signal, draining]);
      },
    });
    return yield* call.next(call.request, extended);
  };
}
