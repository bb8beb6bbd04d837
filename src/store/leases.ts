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
import { publishEmptyBlob } from './publish.ts';
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
  /** The same for many, in their order. */
  touchAll(digests: readonly Digest[], signal?: AbortSignal): Promise<(Stats | undefined)[]>;
  /**
   * The same for any file, by path; undefined when it is absent or not a regular file. A file of
   * another size than expected is returned as it is, without a lease.
   */
  touchFile(path: string, expectedSize?: number): Promise<Stats | undefined>;
  /** The file of a blob whose size is not known, leased; undefined when it is absent. */
  touchNamed(name: BlobName): Promise<Stats | undefined>;
}

/** `coalesceMs`: a file younger than this is not written to again; its lease has that much slack. */
export function fileTimeLeases(
  calls: FileCalls,
  layout: Layout,
  coalesceMs: number,
  clock: Clock,
  observer: Observer,
): Leases {
  async function touchFile(path: string, expectedSize?: number): Promise<Stats | undefined> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = await calls.stat(path);
      if (before === undefined) return undefined;
      if (expectedSize !== undefined && before.size !== expectedSize) return before;
      // ctime is set by the kernel or the file server: a wrong clock of ours cannot shorten a lease.
      const age = clock() - Math.max(before.mtimeMs, before.ctimeMs);
      if (age < coalesceMs) return before;
      if (!(await calls.refresh(path, clock()))) continue;
      // utimes can succeed on a file that was renamed to the trash and removed while it ran. Only a
      // look at the name afterwards shows that the blob is still where readers find it.
      const after = await calls.stat(path);
      if (after !== undefined) return after;
    }
    return undefined;
  }

  async function touchAll(digests: readonly Digest[], signal?: AbortSignal): Promise<(Stats | undefined)[]> {
    const found: (Stats | undefined)[] = [];
    try {
      for (let start = 0; start < digests.length; start += lookupsAtOnce) {
        signal?.throwIfAborted();
        const some = digests.slice(start, start + lookupsAtOnce);
        found.push(
          ...(await Promise.all(
            some.map((digest) => touchFile(layout.blob(blobName(digest)), digest.sizeBytes)),
          )),
        );
      }
      await findElsewhere(digests, found);
    } catch (error) {
      throw volumeError(error, 'looking for blobs');
    }
    return found.map((stats, index) => ofRightSize(digests[index], stats));
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
    else await bringBack(calls, layout, runs, blobName(digest));
  }

  async function touchNamed(name: BlobName): Promise<Stats | undefined> {
    try {
      const inPlace = await touchFile(layout.blob(name));
      if (inPlace !== undefined) return inPlace;
      const { digestFunction, hash } = blobNameParts(name);
      // Of all sizes, only the empty blob's matters here.
      await bringBackOrMake(digestOf(hash, 0, digestFunction), await calls.names(layout.trash));
      return await touchFile(layout.blob(name));
    } catch (error) {
      throw volumeError(error, 'looking for a blob');
    }
  }

  function ofRightSize(digest: Digest | undefined, stats: Stats | undefined): Stats | undefined {
    if (digest === undefined || stats === undefined || stats.size === digest.sizeBytes) return stats;
    observer.doubted(blobName(digest), 'wrong-size');
    return undefined;
  }

  return { touchAll, touchFile, touchNamed, touch: async (digest) => (await touchAll([digest]))[0] };
}

/** Not where the volume is read-only. */
async function makeEmptyBlob(calls: FileCalls, layout: Layout, digest: Digest): Promise<void> {
  try {
    await publishEmptyBlob(calls, layout, digest);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
  }
}
