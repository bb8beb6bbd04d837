import { ServerError, type ServerMiddleware, Status } from 'nice-grpc-common';
import { identityFields, type Logger, type Observer } from '../core/observer.ts';
import type { WithCaller } from './caller.ts';

/** One log line for each call, at debug, when it has ended; and the count of those under way. */
export function callMiddleware(logger: Logger, observer: Observer): ServerMiddleware<object, WithCaller> {
  return async function* (call, context) {
    const { listener, identity, request } = context.caller;
    const begun = performance.now();
    let status: Status = Status.OK;
    let message: string | undefined;
    observer.callBegan(listener);
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      status = error instanceof ServerError ? error.code : Status.CANCELLED;
      message = error instanceof ServerError ? error.details : undefined;
      throw error;
    } finally {
      observer.callEnded(listener);
      if (logger.debugs) {
        logger.debug('call', {
          method: call.method.path,
          listener,
          status: Status[status],
          seconds: Number(((performance.now() - begun) / 1000).toFixed(6)),
          peer: context.metadata.get('x-forwarded-for') ?? context.peer,
          ...(identity && identityFields(identity)),
          ...request,
          ...(message && { message }),
        });
      }
    }
  };
}
