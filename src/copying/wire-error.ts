import { ClientError, Status } from 'nice-grpc';
import { CacheError, type CacheErrorKind } from '../core/cache-error.ts';

/** What a server's answer means for a copy. Statuses that are not here are nobody's expectation. */
const kinds: Readonly<Record<number, CacheErrorKind>> = {
  [Status.INVALID_ARGUMENT]: 'invalid-argument',
  [Status.NOT_FOUND]: 'not-found',
  [Status.OUT_OF_RANGE]: 'out-of-range',
  [Status.FAILED_PRECONDITION]: 'failed-precondition',
  [Status.PERMISSION_DENIED]: 'permission-denied',
  [Status.UNAUTHENTICATED]: 'unauthenticated',
  [Status.RESOURCE_EXHAUSTED]: 'resource-exhausted',
  [Status.UNAVAILABLE]: 'unavailable',
  [Status.ABORTED]: 'aborted',
  [Status.UNIMPLEMENTED]: 'unimplemented',
};

/** A server's refusal in the words of the cache, with the server's own sentence; anything else as it is. */
export function wireError(error: unknown, server: string): unknown {
  if (!(error instanceof ClientError)) return error;
  return statusError(error.code, error.details, server);
}

/** The same for a status inside of an answer. */
export function statusError(code: number, message: string, server: string): CacheError {
  const name = Status[code] ?? `status ${code}`;
  return new CacheError(kinds[code] ?? 'internal', `${server} answered ${name}: ${message}`);
}
