import { CacheError } from '../core/cache-error.ts';

/** Part of a blob, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const oneRange = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/i;

/**
 * What a Range header asks for. Undefined where the whole blob is the answer: no header, another unit, several
 * ranges, or one that makes no sense (RFC 9110, 14.2). Throws 'out-of-range' for one behind the end.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = oneRange.exec(header ?? '');
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  if (first === undefined) {
    const length = Math.min(Number(suffix), sizeBytes);
    if (length === 0) throw behind(sizeBytes);
    return { offset: sizeBytes - length, length };
  }
  const offset = Number(first);
  if (last !== undefined && last !== '' && Number(last) < offset) return undefined;
  if (offset >= sizeBytes) throw behind(sizeBytes);
  const end = last === undefined || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { offset, length: end - offset };
}

function behind(sizeBytes: number): CacheError {
  return new CacheError('out-of-range', `the range is behind the end: there are ${sizeBytes} bytes`);
}
