import { ServerError, Status } from '../grpc/status.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Logger } from '../core/observer.ts';
import { PreconditionFailure } from '../gen/google/rpc/error_details.ts';
import { Status as StatusMessage } from '../gen/google/rpc/status.ts';
import type { CallStatus } from '../grpc/call-status.ts';
import { statusOf } from './status.ts';

const detailsTrailer = 'grpc-status-details-bin';
const preconditionFailureUrl = 'type.googleapis.com/google.rpc.PreconditionFailure';

/**
 * The status for whatever a handler has thrown; logs what only we can mend. Over the wire go the status and the sentence, nothing of
 * the cause. `method`: the path of the method, for the log.
 */
export function statusOfError(error: unknown, method: string, logger: Logger): CallStatus {
  if (error instanceof ServerError) return { code: error.code, message: error.details };
  if (isAbort(error)) return { code: Status.CANCELLED, message: 'the caller has hung up' };
  if (!(error instanceof CacheError)) {
    logger.error('a call failed in a way nobody expected', { method, error: stackOf(error) });
    return { code: Status.INTERNAL, message: 'the server failed; its log says how' };
  }
  if (error.cause !== undefined) {
    const level = error.kind === 'internal' ? 'error' : 'warn';
    logger[level](error.message, { method, cause: stackOf(error.cause) });
  }
  const status = { code: statusOf(error), message: error.message };
  return error.missing.length === 0
    ? status
    : { ...status, trailers: { [detailsTrailer]: missingDetails(error) } };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** REAPI's way to say which blobs are missing: a PreconditionFailure among the status details. */
function missingDetails(error: CacheError): string {
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
  return Buffer.from(status.finish()).toString('base64');
}
