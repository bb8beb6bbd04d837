import { createHash, hash as hashOnce } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { CacheError } from '../core/cache-error.ts';
import type { Digest } from '../core/digest.ts';
import { readFully } from './durable-file.ts';

/** SHA-256 of bytes in memory, lower-case hex. */
export function sha256(bytes: Uint8Array): string {
  return hashOnce('sha256', bytes, 'hex');
}

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

/** Facts about files that stay true as long as the file is the same one; old ones are forgotten. */
export class KnownFiles {
  readonly #known: LRUCache<string, string>;

  /** An entry costs about 200 bytes. */
  constructor(maxEntries: number) {
    this.#known = new LRUCache({ max: maxEntries });
  }

  has(hash: string, identity: string): boolean {
    return this.#known.get(hash) === identity;
  }

  add(hash: string, identity: string): void {
    this.#known.set(hash, identity);
  }

  forget(hash: string): void {
    this.#known.delete(hash);
  }
}

const hashingBuffer = 1024 * 1024;

/** SHA-256 of an open file from start to end, in bounded memory. */
export async function hashFile(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const hasher = createHash('sha256');
  const buffer = Buffer.allocUnsafe(hashingBuffer);
  for (let position = 0; ;) {
    signal?.throwIfAborted();
    const count = await readFully(handle, buffer, position);
    if (count === 0) return hasher.digest('hex');
    hasher.update(buffer.subarray(0, count));
    position += count;
  }
}
