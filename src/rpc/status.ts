import { Status } from '../grpc/status.ts';
import type { CacheError, CacheErrorKind } from '../core/cache-error.ts';

/** Total by type: a new kind does not compile until it has a status. */
const statusByKind: Record<CacheErrorKind, Status> = {
  'invalid-argument': Status.INVALID_ARGUMENT,
  // bst-artifact-server's answer, which its clients take for "not cached".
  'malformed-name': Status.NOT_FOUND,
  'not-found': Status.NOT_FOUND,
  'out-of-range': Status.OUT_OF_RANGE,
  'failed-precondition': Status.FAILED_PRECONDITION,
  'digest-mismatch': Status.FAILED_PRECONDITION,
  'permission-denied': Status.PERMISSION_DENIED,
  unauthenticated: Status.UNAUTHENTICATED,
  'resource-exhausted': Status.RESOURCE_EXHAUSTED,
  unavailable: Status.UNAVAILABLE,
  aborted: Status.ABORTED,
  unimplemented: Status.UNIMPLEMENTED,
  internal: Status.INTERNAL,
};

export function statusOf(error: CacheError): Status {
  return statusByKind[error.kind];
}
