import type { Stats } from 'node:fs';
import type { Answer } from '../core/answer.ts';
import type { Clock } from '../core/clock.ts';
import type { BlobName, Digest } from '../core/digest.ts';
import type { PackedDigests } from '../core/packed-digests.ts';

/** File operations in flight for one request. The thread pool is the real bound; this keeps its queue short. What is absent costs two looks at the trash each time. */
export const lookupsAtOnce = 512;
/** For fewer than these, two more looks at the trash cost more than they can save. */
export const manyLookups = 8;

/**
 * Keeps the promise behind every positive answer: a blob that was touched is not evicted for the
 * lease time. The state is the file's own times, so that all processes on the volume see it.
 */
export interface Leases {
  /**
   * The blob's file, leased; undefined when it is absent or of another size than the digest says.
   * The latter is reported as a doubt and changes nothing.
   */
  touch(digest: Digest): Promise<Stats | undefined>;
  /** The same, but what is not in its place counts as absent, and may be in the trash. */
  touchInPlace(digest: Digest): Promise<Stats | undefined>;
  /** touch() for many, in their order. `early`: a file is written to when half of the time is over after which it has to be. */
  touchAll(digests: readonly Digest[], signal?: AbortSignal, early?: boolean): Promise<(Stats | undefined)[]>;
  /** Those that are not here; all others are leased. What this process has just promised is not looked at again. */
  leaseAll(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]>;
  /** The same for digests of which some may be the same. */
  leasePacked(digests: PackedDigests, signal?: AbortSignal): Promise<FoundBlobs>;
  /**
   * The same for any file, by path; undefined when it is absent or not a regular file. A file of
   * another size than expected is returned as it is, without a lease.
   */
  touchFile(path: string, expectedSize?: number): Answer<Stats | undefined>;
  /** The file of a blob whose size is not known, leased; undefined when it is absent. */
  touchNamed(name: BlobName): Promise<Stats | undefined>;
  /** The time by which ages are told. */
  readonly now: Clock;
  /** For how long a file with these times need not be touched again. Milliseconds; 0 for one that was not touched now. */
  restMs(stats: Stats): number;
  /** Whether a look at its file would change nothing, as far as this process remembers: it is promised, and need not be touched. */
  rests(digest: Digest): boolean;
  /** The same for many, now: says it of each, by its index. */
  restingOf(digests: PackedDigests): (index: number) => boolean;
  /** A file of this blob was looked at and is what it should be; where its times promise it for a while, that is remembered. */
  seenResting(digest: Digest, stats: Stats): void;
  /** A new file of this blob is here. */
  stored(digest: Digest): void;
  /** A reader has found no file of this blob, not in the trash either. */
  notFound(digest: Digest): Promise<void>;
  /** Something on the volume is not what it was taken for: everything is looked at again. */
  distrust(): void;
}

/** How many were asked for, each blob counted once, and which of them are not here: their indices, in the order of their first mention. */
export interface FoundBlobs {
  readonly asked: number;
  readonly missing: readonly number[];
}

/** When a file was touched or written last. ctime is set by the kernel or the file server: a wrong clock of ours cannot shorten a lease. */
export function usedAtMs({ mtimeMs, ctimeMs }: Stats): number {
  return Math.max(mtimeMs, ctimeMs);
}
