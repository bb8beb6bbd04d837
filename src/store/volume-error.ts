import { CacheError } from '../core/cache-error.ts';

/** Linux's numbers of those that Node has no names for: it calls them unknown. */
const unnamedErrnos = new Map([
  [-116, 'ESTALE'],
  [-117, 'EUCLEAN'],
  [-122, 'EDQUOT'],
]);

/** The errno of a failed system call, or '' for any other error. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return '';
  const number = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return unnamedErrnos.get(number) ?? error.code;
}

export function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

const noSpace = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const noRight = new Set(['EACCES', 'EPERM']);
const noVolume = new Set([
  'EIO',
  'ESTALE',
  'ENOTCONN',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'ENODEV',
  'ENXIO',
  'EUCLEAN',
]);
const noHandles = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN']);

/** Whether an errno says that the disk failed, and not only the way to it. */
export function isDiskError(errno: string): boolean {
  return errno === 'EIO' || errno === 'EUCLEAN';
}

/** Whether an errno says that there is no room. */
export function isFull(errno: string): boolean {
  return noSpace.has(errno);
}

/**
 * The one place where an errno becomes a word of the cache. `doing` completes "the volume …while…".
 * A CacheError passes through. The sentence carries no path: it goes to clients; the cause is for the log.
 */
export function volumeError(error: unknown, doing: string): CacheError {
  if (error instanceof CacheError) return error;
  const errno = errnoOf(error);
  const cause = { cause: error };
  if (isFull(errno)) {
    return new CacheError(
      'resource-exhausted',
      `the volume has no room left (${errno}) while ${doing}; free space on it or make it larger`,
      cause,
    );
  }
  if (errno === 'EROFS') {
    return new CacheError(
      'unavailable',
      `the volume is read-only (EROFS) while ${doing}; reads go on, remount it for writes`,
      cause,
    );
  }
  if (noRight.has(errno)) {
    return new CacheError(
      'unavailable',
      `the server may not touch its volume (${errno}) while ${doing}; make the server's user own it`,
      cause,
    );
  }
  if (noVolume.has(errno)) {
    return new CacheError(
      'unavailable',
      `the volume failed (${errno}) while ${doing}; try again, and look at the disk`,
      cause,
    );
  }
  if (noHandles.has(errno)) {
    return new CacheError(
      'unavailable',
      `the server is short of ${errno === 'ENOMEM' ? 'memory' : 'file handles'} (${errno}) while ${doing}; try again`,
      cause,
    );
  }
  return new CacheError('internal', `the volume answered ${errno || 'unexpectedly'} while ${doing}`, cause);
}
