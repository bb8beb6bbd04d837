import type { Stats } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import {
  type BlobName,
  blobName,
  blobNameParts,
  type Digest,
  digestOf,
  isEmptyBlob,
} from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { LeaseMemory } from './lease-memory.ts';
import { publishEmptyBlob } from './publish.ts';
import type { SeenBytes } from './seen-bytes.ts';
import { bringBack } from './trash.ts';
import { errnoOf, volumeError } from './volume-error.ts';

/** File operations in flight for one request. The thread pool is the real bound; this keeps its queue short. */
const lookupsAtOnce = 64;
/** How often a file may vanish and come back under our hands before we call it absent. */
const maxAttempts = 4;

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
  /** The same for many, in their order. `early`: a file is written to when half of the time is over after which it has to be. */
  touchAll(digests: readonly Digest[], signal?: AbortSignal, early?: boolean): Promise<(Stats | undefined)[]>;
  /** Which of them are here; those are leased. What this process has just promised is not looked at again. */
  leaseAll(digests: readonly Digest[], signal?: AbortSignal): Promise<boolean[]>;
  /**
   * The same for any file, by path; undefined when it is absent or not a regular file. A file of
   * another size than expected is returned as it is, without a lease.
   */
  touchFile(path: string, expectedSize?: number): Promise<Stats | undefined>;
  /** The file of a blob whose size is not known, leased; undefined when it is absent. */
  touchNamed(name: BlobName): Promise<Stats | undefined>;
  /** The time by which ages are told. */
  readonly now: Clock;
  /** For how long a file with these times need not be touched again. Milliseconds; 0 for one that was not touched now. */
  restMs(stats: Stats): number;
  /** A new file of this blob is here. */
  stored(digest: Digest): void;
  /** A reader has found no file of this blob, not in the trash either. */
  notFound(digest: Digest): Promise<void>;
  /** Something on the volume is not what it was taken for: everything is looked at again. */
  distrust(): void;
}

/** What leases stand on. */
export interface LeaseParts {
  readonly calls: FileCalls;
  readonly layout: Layout;
  /** A file younger than this is not written to again; its lease has that much slack. Milliseconds. */
  readonly coalesceMs: number;
  readonly clock: Clock;
  readonly observer: Pick<Observer, 'doubted' | 'promiseBroken'>;
  readonly memory: LeaseMemory;
  /** A blob whose bytes were wrong is absent from then on: an upload replaces its file, and nothing has to be moved for that. */
  readonly seen: Pick<SeenBytes, 'wereWrong'>;
}

export function fileTimeLeases(parts: LeaseParts): Leases {
  const { calls, layout, coalesceMs, clock, observer, memory, seen } = parts;
  // ctime is set by the kernel or the file server: a wrong clock of ours cannot shorten a lease.
  const ageOf = (stats: Stats) => clock() - Math.max(stats.mtimeMs, stats.ctimeMs);
  const restMs = (stats: Stats) => Math.max(0, Math.min(coalesceMs, coalesceMs - ageOf(stats)));

  async function touchFile(
    path: string,
    expectedSize?: number,
    youngMs = coalesceMs,
  ): Promise<Stats | undefined> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = await calls.stat(path);
      if (before === undefined) return undefined;
      if (expectedSize !== undefined && before.size !== expectedSize) return before;
      if (ageOf(before) < youngMs) return before;
      if (!(await calls.refresh(path, clock()))) continue;
      // utimes can succeed on a file that was renamed to the trash and removed while it ran. Only a
      // look at the name afterwards shows that the blob is still where readers find it.
      const after = await calls.stat(path);
      if (after !== undefined) return after;
    }
    return undefined;
  }

  async function touchAll(
    digests: readonly Digest[],
    signal?: AbortSignal,
    early = false,
  ): Promise<(Stats | undefined)[]> {
    const youngMs = early ? coalesceMs / 2 : coalesceMs;
    const found: (Stats | undefined)[] = [];
    try {
      for (let start = 0; start < digests.length; start += lookupsAtOnce) {
        signal?.throwIfAborted();
        const some = digests.slice(start, start + lookupsAtOnce);
        found.push(
          ...(await Promise.all(
            some.map((digest) => touchFile(layout.blob(blobName(digest)), digest.sizeBytes, youngMs)),
          )),
        );
      }
      await findElsewhere(digests, found);
      for (const [index, digest] of digests.entries()) {
        const stats = unlessWrong(blobName(digest), ofRightSize(digest, found[index]));
        found[index] = stats;
        if (stats !== undefined) memory.promised(digest, restMs(stats));
        else if (memory.isBroken(digest)) await notFound(digest);
      }
    } catch (error) {
      throw volumeError(error, 'looking for blobs');
    }
    return found;
  }

  /** Nobody of us removes what is promised. Somebody else does, then, and what we remember of other blobs is no better. */
  async function notFound(digest: Digest): Promise<void> {
    if (!memory.isBroken(digest)) return;
    memory.forgetAll();
    const name = blobName(digest);
    // A damaged blob that was set aside has been told of already.
    if ((await calls.stat(layout.quarantined(name))) === undefined) observer.promiseBroken(name);
  }

  async function leaseAll(digests: readonly Digest[], signal?: AbortSignal): Promise<boolean[]> {
    const generation = memory.generation();
    const leased = digests.map((digest) => memory.renew(digest));
    const unknown = digests.filter((_, index) => !leased[index]);
    // One look for each call: where somebody has removed all blobs, it shows at once.
    if (unknown.length === 0 && digests.length > 0) {
      const some = digests[Math.floor(Math.random() * digests.length)];
      if (some !== undefined) await touchAll([some], signal);
    }
    const stats = (await touchAll(unknown, signal)).values();
    const found = leased.map((known) => known || stats.next().value !== undefined);
    if (memory.generation() === generation) return found;
    return (await touchAll(digests, signal)).map((look) => look !== undefined);
  }

  /**
   * A second look for those that are not in their place; one look at the trash serves them all. Then a third one in
   * their place, whatever the trash had: between our looks a janitor may have given back what was touched on its way out.
   */
  async function findElsewhere(digests: readonly Digest[], found: (Stats | undefined)[]): Promise<void> {
    if (!found.includes(undefined)) return;
    const runs = await calls.names(layout.trash);
    for (const [index, digest] of digests.entries()) {
      if (found[index] !== undefined) continue;
      await bringBackOrMake(digest, runs);
      found[index] = await touchFile(layout.blob(blobName(digest)), digest.sizeBytes);
    }
  }

  async function bringBackOrMake(digest: Digest, runs: readonly string[]): Promise<void> {
    if (isEmptyBlob(digest)) await makeEmptyBlob(calls, layout, digest);
    else await bringBack(calls, layout, runs, blobName(digest), clock());
  }

  async function touchNamed(name: BlobName): Promise<Stats | undefined> {
    try {
      const stats = unlessWrong(name, (await touchFile(layout.blob(name))) ?? (await touchElsewhere(name)));
      if (stats !== undefined) memory.promised(ofSize(name, stats.size), restMs(stats));
      return stats;
    } catch (error) {
      throw volumeError(error, 'looking for a blob');
    }
  }

  async function touchElsewhere(name: BlobName): Promise<Stats | undefined> {
    // Of all sizes, only the empty blob's matters here.
    await bringBackOrMake(ofSize(name, 0), await calls.names(layout.trash));
    return await touchFile(layout.blob(name));
  }

  function unlessWrong(name: BlobName, stats: Stats | undefined): Stats | undefined {
    return stats !== undefined && seen.wereWrong(name, stats) ? undefined : stats;
  }

  function ofRightSize(digest: Digest, stats: Stats | undefined): Stats | undefined {
    if (stats === undefined || stats.size === digest.sizeBytes) return stats;
    observer.doubted(blobName(digest), 'wrong-size');
    return undefined;
  }

  return {
    touchAll,
    touchFile,
    touchNamed,
    leaseAll,
    now: clock,
    restMs,
    notFound,
    touch: async (digest) => (await touchAll([digest]))[0],
    // The next look finds out for how long it is good.
    stored: (digest) => memory.promised(digest, 0),
    distrust: () => memory.forgetAll(),
  };
}

function ofSize(name: BlobName, sizeBytes: number): Digest {
  const { digestFunction, hash } = blobNameParts(name);
  return digestOf(hash, sizeBytes, digestFunction);
}

/** Not where the volume is read-only. */
async function makeEmptyBlob(calls: FileCalls, layout: Layout, digest: Digest): Promise<void> {
  try {
    await publishEmptyBlob(calls, layout, digest);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
  }
}
