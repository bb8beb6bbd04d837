import type { CacheErrorKind } from '../core/cache-error.ts';

/** Total by type: a new kind does not compile until it has a status (ADR 29). */
const statusByKind: Record<CacheErrorKind, number> = {
  'invalid-argument': 400,
  'malformed-name': 404,
  'not-found': 404,
  'out-of-range': 416,
  'failed-precondition': 409,
  'digest-mismatch': 400,
  'permission-denied': 403,
  unauthenticated: 401,
  'resource-exhausted': 507,
  unavailable: 503,
  aborted: 503,
  unimplemented: 501,
  internal: 500,
};

export function httpStatusOf(kind: CacheErrorKind): number {
  return statusByKind[kind];
}

/** A refusal that has no counterpart among the cache's own errors, for it is about HTTP alone. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}
