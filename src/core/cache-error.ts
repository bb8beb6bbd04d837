/**
 * What went wrong, in the words of the cache. The wire's status codes are chosen elsewhere, in one
 * table (rpc/status.ts), so that the same fault answers alike on every service.
 *
 * - `invalid-argument`: the request itself makes no sense, whatever the cache holds
 * - `malformed-name`: a resource name or key that names nothing a cache could hold
 * - `not-found`: the cache does not have it, or not whole
 * - `out-of-range`: an offset behind the end
 * - `failed-precondition`: something has to be done first (an upload, mostly); `missing` may say what
 * - `digest-mismatch`: the bytes received are not the bytes announced
 * - `permission-denied`: this listener does not do that
 * - `unauthenticated`: the caller has not shown who it is
 * - `resource-exhausted`: no room, or more asked for than one call may ask
 * - `unavailable`: the volume does not answer as it should now; later it may
 * - `aborted`: two callers were in each other's way; trying again is right
 * - `unimplemented`: part of the API that this server does not offer
 * - `internal`: our fault
 */
export type CacheErrorKind =
  | 'invalid-argument'
  | 'malformed-name'
  | 'not-found'
  | 'out-of-range'
  | 'failed-precondition'
  | 'digest-mismatch'
  | 'permission-denied'
  | 'unauthenticated'
  | 'resource-exhausted'
  | 'unavailable'
  | 'aborted'
  | 'unimplemented'
  | 'internal';

/** The one error class of the project. Its message goes to clients: a sentence, never a path of the server. */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly kind: CacheErrorKind;
  /** With `failed-precondition`: the first blobs that would have to be uploaded, as `<hash>/<size>`. */
  readonly missing: readonly string[];

  constructor(
    kind: CacheErrorKind,
    message: string,
    options: ErrorOptions & { missing?: readonly string[] } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.missing = options.missing ?? [];
  }
}
