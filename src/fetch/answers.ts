import type { IncomingMessage } from 'node:http';
import { CacheError, type CacheErrorKind } from '../core/cache-error.ts';
import { quote } from '../core/digest.ts';

const redirects = new Set([301, 302, 303, 307, 308]);

/** Where an answer says to look instead; undefined when it does not. */
export function redirectOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return redirects.has(statusCode) ? headers.location : undefined;
}

/**
 * How many bytes a good answer announces, if it does. Throws for one that is not all of the content as it is, and
 * for one that announces more than `maxBytes`. `isChecked` says that its end will be known by a checksum.
 */
export function announcedBytes(
  { statusCode = 0, headers }: IncomingMessage,
  host: string,
  maxBytes: number,
  isChecked: boolean,
): number | undefined {
  if (statusCode !== 200) {
    throw new CacheError(kindOf(statusCode), `${quote(host)} answered with HTTP status ${statusCode}`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new CacheError(
      'failed-precondition',
      `${quote(host)} answered with content encoding ${quote(encoding)}, which it was not asked for`,
    );
  }
  const length = headers['content-length'];
  if (length === undefined) {
    if (isChecked || headers['transfer-encoding'] !== undefined) return undefined;
    throw new CacheError(
      'failed-precondition',
      `${quote(host)} does not say where its answer ends; give a checksum (checksum.sri), or it cannot be known to be whole`,
    );
  }
  if (Number(length) > maxBytes) throw tooLarge(host, maxBytes);
  return Number(length);
}

export function tooLarge(host: string, maxBytes: number): CacheError {
  return new CacheError(
    'resource-exhausted',
    `what ${quote(host)} has is larger than the ${maxBytes} bytes that may be fetched (FETCH_MAX_BYTES)`,
  );
}

function kindOf(statusCode: number): CacheErrorKind {
  if (statusCode === 404 || statusCode === 410) return 'not-found';
  if (statusCode === 401 || statusCode === 403) return 'permission-denied';
  const later = statusCode === 408 || statusCode === 425 || statusCode === 429;
  return later || statusCode >= 500 ? 'unavailable' : 'failed-precondition';
}
