import type { Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { BlobName } from '../core/digest.ts';

/**
 * Bytes of small blobs that gave their hash: whoever sees that the file is still there, and the same, need not open and
 * read it. That look is the caller's: what was evicted or set aside is not here. Bounded: what was used longest ago goes.
 */
export interface SmallBlobs {
  /** Whether a look at the file can spare reading it. */
  has(name: BlobName): boolean;
  /** The bytes, for a file that has not been touched or written to since they were read; nobody changes them. */
  bytes(name: BlobName, stats: Stats): Uint8Array | undefined;
  /** `stats` are those of before they were read. */
  keep(name: BlobName, stats: Stats, bytes: Uint8Array): void;
}

/** Of all together, with what each takes besides its bytes. Bytes. */
const mostKept = 32 * 1024 * 1024;
const entryBytes = 1024;
/** Of larger ones, reading costs little beside sending. Bytes. */
const largestKept = 64 * 1024;

interface Kept {
  readonly bytes: Uint8Array;
  readonly ino: number;
  readonly ctimeMs: number;
}

/** `trustMs`: after so long they are read again, and a disk that has changed them without a word to anybody is noticed. */
export function smallBlobs(trustMs: number): SmallBlobs {
  const kept = new LRUCache<string, Kept>({
    maxSize: mostKept,
    sizeCalculation: ({ bytes }) => bytes.length + entryBytes,
    ttl: trustMs,
  });
  return {
    has: (name) => kept.has(name),
    bytes(name, { size, ino, ctimeMs }) {
      const known = kept.get(name);
      const isSame = known?.bytes.length === size && known.ino === ino && known.ctimeMs === ctimeMs;
      return isSame ? known.bytes : undefined;
    },
    keep(name, { ino, ctimeMs }, bytes) {
      if (bytes.length <= largestKept) kept.set(name, { bytes, ino, ctimeMs });
    },
  };
}
