import { CacheError } from '../core/cache-error.ts';
import type { Digest } from '../core/digest.ts';

/**
 * What is wrong with the bytes received for a digest; undefined when they are the ones announced. The
 * hash is asked for only when there are as many as there should be.
 */
export function mismatchOf(
  digest: Digest,
  receivedBytes: number,
  hash: () => string,
): CacheError | undefined {
  if (receivedBytes !== digest.sizeBytes) {
    return mismatch(`${receivedBytes} bytes were sent, the digest announces ${digest.sizeBytes}`);
  }
  const received = hash();
  if (received === digest.hash) return undefined;
  return mismatch(`the bytes sent have the hash ${received}, the digest announces ${digest.hash}`);
}

export function mismatch(sentence: string): CacheError {
  return new CacheError('digest-mismatch', `${sentence}; nothing was stored`);
}
