import { type Metadata, ServerError, type ServerMiddleware, Status } from 'nice-grpc-common';
import { CacheError } from '../core/cache-error.ts';
import type { Logger } from '../core/observer.ts';
import { PreconditionFailure } from '../gen/google/rpc/error_details.ts';
import { Status as StatusMessage } from '../gen/google/rpc/status.ts';
import { serverError, statusOf } from './status.ts';

const detailsTrailer = 'grpc-status-details-bin';
const preconditionFailureUrl = 'type.googleapis.com/google.rpc.PreconditionFailure';

/** Turns whatever a handler throws into a gRPC status, and logs what only we can mend. */
export function errorMiddleware(logger: Logger): ServerMiddleware {
  return async function* (call, context) {
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      if (error instanceof ServerError || isAbort(error)) throw error;
      // What is left of a request whose caller has hung up.
      if (context.signal.aborted) throw new ServerError(Status.CANCELLED, 'the caller has hung up');
      if (!(error instanceof CacheError)) {
        logger.error('a call failed in a way nobody expected', {
          method: call.method.path,
          error: stackOf(error),
        });
        throw new ServerError(Status.INTERNAL, 'the server failed; its log says how');
      }
      if (error.cause !== undefined) {
        const level = error.kind === 'internal' ? 'error' : 'warn';
        logger[level](error.message, { method: call.method.path, cause: stackOf(error.cause) });
      }
      if (error.missing.length > 0) addMissing(context.trailer, error);
      throw serverError(error);
    }
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** REAPI's way to say which blobs are missing: a PreconditionFailure among the status details. */
function addMissing(trailer: Metadata, error: CacheError): void {
  const violations = error.missing.map((name) => ({
    type: 'MISSING',
    subject: `blobs/${name}`,
    description: '',
  }));
  const status = StatusMessage.encode({
    code: statusOf(error),
    message: error.message,
    details: [
      { typeUrl: preconditionFailureUrl, value: PreconditionFailure.encode({ violations }).finish() },
    ],
  });
  trailer.set(detailsTrailer, status.finish());
}
