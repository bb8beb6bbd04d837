import type { Stats } from 'node:fs';
import { lstat, lutimes } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { type Digest, emptyDigest } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { createNew, blobMode, linkUnlessPresent, discard } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { bringBack, trashRuns } from './trash.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';
import { randomUUID } from 'node:crypto';

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
  /**
   * The same for any file, by path; undefined when it is absent or not a regular file. A file of
   * another size than expected is returned as it is, without a lease.
   */
  touchFile(path: string, expectedSize?: number): Promise<Stats | undefined>;
}

/** `coalesceMs`: a file younger than this is not written to again; its lease has that much slack. */
export function fileTimeLeases(layout: Layout, coalesceMs: number, clock: Clock, observer: Observer): Leases {
  async function touchFile(path: string, expectedSize?: number): Promise<Stats | undefined> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = await statIfFile(path);
      if (before === undefined) return undefined;
      if (expectedSize !== undefined && before.size !== expectedSize) return before;
      // ctime is set by the kernel or the file server: a wrong clock of ours cannot shorten a lease.
      const age = clock() - Math.max(before.mtimeMs, before.ctimeMs);
      if (age < coalesceMs) return before;
      if (!(await refresh(path, clock()))) continue;
      // utimes can succeed on a file that was renamed to the trash and removed while it ran. Only a
      // look at the name afterwards shows that the blob is still where readers find it.
      const after = await statIfFile(path);
      if (after !== undefined) return after;
    }
    return undefined;
  }

  async function touch(digest: Digest): Promise<Stats | undefined> {
    const path = layout.blob(digest.hash);
    try {
      let stats = await touchFile(path, digest.sizeBytes);
      if (stats === undefined && (await bringBack(layout, await trashRuns(layout), digest.hash))) {
        stats = await touchFile(path, digest.sizeBytes);
      }
      if (stats === undefined && digest.hash === emptyDigest.hash && digest.sizeBytes === 0) {
        await makeEmptyBlob(layout);
        stats = await touchFile(path, digest.sizeBytes);
      }
      if (stats !== undefined && stats.size !== digest.sizeBytes) {
        observer.doubted(digest.hash, 'wrong-size');
        return undefined;
      }
      return stats;
    } catch (error) {
      throw volumeError(error, 'looking for a blob');
    }
  }

  return { touch, touchFile };
}

async function statIfFile(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** False when the file has gone meanwhile. */
async function refresh(path: string, now: number): Promise<boolean> {
  try {
    await lutimes(path, now / 1000, now / 1000);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    // Nothing can be evicted through a read-only mount either.
    if (errnoOf(error) === 'EROFS') return true;
    throw error;
  }
}

/** BuildStream expects the blob of no bytes as a file. */
async function makeEmptyBlob(layout: Layout): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  const handle = await createNew(temporary, blobMode);
  await handle.close();
  try {
    await linkUnlessPresent(temporary, layout.blob(emptyDigest.hash));
  } finally {
    await discard(temporary);
  }
}
