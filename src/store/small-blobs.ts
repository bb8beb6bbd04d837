import type { Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { BlobName } from '../core/digest.ts';

/**
 * Bytes of small blobs that gave their hash: whoever knows that the file is still there, and the same, need not open and
 * read it. That is the caller's: what was evicted or set aside is not known here. Bounded: what was used longest ago goes.
 */
export interface SmallBlobs {
  find(name: BlobName): SmallBlob | undefined;
  /** `stats` are those of before the bytes were read. */
  keep(name: BlobName, stats: Stats, bytes: Uint8Array): void;
  forget(name: BlobName): void;
}

/** Bytes as they were in a file; nobody changes them. */
export interface SmallBlob {
  readonly bytes: Uint8Array;
  readonly ino: number;
  readonly ctimeMs: number;
}

/** Whether the file has not been touched or written to since the bytes were read. */
export function isOfFile({ bytes, ino, ctimeMs }: SmallBlob, stats: Stats): boolean {
  return bytes.length === stats.size && ino === stats.ino && ctimeMs === stats.ctimeMs;
}

/** Of all together, with what each takes besides its bytes. Bytes. */
const mostKept = 32 * 1024 * 1024;
const entryBytes = 1024;
/** Up to so much is read by one call, and kept: of larger ones, reading costs little beside sending. Bytes. */
export const largestKept = 64 * 1024;

/** `trustMs`: after so long they are read again, and a disk that has changed them without a word to anybody is noticed. */
export function smallBlobs(trustMs: number): SmallBlobs {
  const kept = new LRUCache<string, SmallBlob>({
    maxSize: mostKept,
    sizeCalculation: ({ bytes }) => bytes.length + entryBytes,
    ttl: trustMs,
  });
  return {
    find: (name) => kept.get(name),
    keep(name, { ino, ctimeMs }, bytes) {
      if (bytes.length <= largestKept) kept.set(name, { bytes, ino, ctimeMs });
    },
    forget: (name) => void kept.delete(name),
  };
}
