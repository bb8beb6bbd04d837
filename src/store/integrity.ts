import type { Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { CacheError } from '../core/cache-error.ts';
import type { BlobName, Digest } from '../core/digest.ts';

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

/** Tells a file from a later one of the same name. Touching a file changes its times, not this. */
export function fileIdentity(stats: Stats): string {
  return `${stats.ino}:${stats.birthtimeMs}`;
}

/** Tells a file from itself after any change: a write, a truncation, a touch, a new link. Only rot on the disk leaves it as it is. */
export function contentIdentity(stats: Stats): string {
  return `${fileIdentity(stats)}:${stats.size}:${stats.ctimeMs}`;
}

/** Facts about files that stay true as long as the file is the same one; old ones are forgotten. */
export class KnownFiles {
  readonly #known: LRUCache<string, string>;

  /** An entry costs about 200 bytes. It is forgotten after `trustMs` milliseconds, if that is given. */
  constructor(maxEntries: number, trustMs = 0) {
    this.#known = new LRUCache({ max: maxEntries, ttl: trustMs });
  }

  has(name: BlobName, identity: string): boolean {
    return this.#known.get(name) === identity;
  }

  add(name: BlobName, identity: string): void {
    this.#known.set(name, identity);
  }

  forget(name: BlobName): void {
    this.#known.delete(name);
  }
}
