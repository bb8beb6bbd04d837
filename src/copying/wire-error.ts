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
  // Not by us: who cancels a call itself hears of that otherwise.
  [Status.CANCELLED]: 'unavailable',
  [Status.UNIMPLEMENTED]: 'unimplemented',
};

const internal: number = Status.INTERNAL;

/** A server's refusal in the words of the cache, with the server's own sentence; anything else as it is. */
export function wireError(error: unknown, server: string): unknown {
  if (!(error instanceof ClientError)) return error;
  return statusError(error.code, error.details, server);
}

/** The same for a status inside of an answer. */
export function statusError(code: number, message: string, server: string): CacheError {
  const name = Status[code] ?? `status ${code}`;
  // A proxy whose server goes away in the middle of an answer has no better word.
  const isCut = code === internal && message.includes('RST_STREAM');
  const kind = isCut ? 'unavailable' : (kinds[code] ?? 'internal');
  return new CacheError(kind, `${server} answered ${name}: ${message}`);
}
