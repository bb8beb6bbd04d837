import type { Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import type { BlobName } from '../core/digest.ts';
import { shortestGraceMs } from './trash.ts';

/**
 * Bytes of small blobs that gave their hash: whoever sees that the file is still there, and the same, need not open and
 * read it. That look is the caller's: what was evicted or set aside is not here. Bounded: what was used longest ago goes.
 */
export interface SmallBlobs {
  /** Whether a look at the file can spare reading it. */
  has(name: BlobName): boolean;
  /** The bytes, where that look was a moment ago. */
  justSeen(name: BlobName): Uint8Array | undefined;
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
/** For so long a look is good. What is evicted meanwhile rests in the trash, where readers find it too, for twice as long at least. Milliseconds. */
const momentMs = shortestGraceMs / 2;

interface Kept {
  readonly bytes: Uint8Array;
  readonly ino: number;
  readonly ctimeMs: number;
  /** By the clock of `elapsed`. */
  seenAt: number;
}

/** `trustMs`: after so long they are read again, and a disk that has changed them without a word to anybody is noticed. */
export function smallBlobs(trustMs: number, elapsed: Clock): SmallBlobs {
  const kept = new LRUCache<string, Kept>({
    maxSize: mostKept,
    sizeCalculation: ({ bytes }) => bytes.length + entryBytes,
    ttl: trustMs,
  });
  return {
    has: (name) => kept.has(name),
    justSeen(name) {
      const known = kept.get(name);
      return known !== undefined && elapsed() - known.seenAt < momentMs ? known.bytes : undefined;
    },
    bytes(name, { size, ino, ctimeMs }) {
      const known = kept.get(name);
      const isSame = known?.bytes.length === size && known.ino === ino && known.ctimeMs === ctimeMs;
      if (!isSame) return undefined;
      known.seenAt = elapsed();
      return known.bytes;
    },
    keep(name, { ino, ctimeMs }, bytes) {
      if (bytes.length <= largestKept) kept.set(name, { bytes, ino, ctimeMs, seenAt: elapsed() });
    },
  };
}
