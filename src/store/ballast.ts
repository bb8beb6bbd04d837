import { randomFillSync, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, unlinkSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createNew, discard, renameOver, writeFully } from './durable-file.ts';
import { sizeOnDisk } from './evictable.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';

/**
 * A file that only takes room. On a volume that is full to the last block a folder for the trash cannot be made, and
 * nothing moved into it, so nothing could ever be evicted: then this file goes first. All servers share one. No
 * eviction takes it for a blob, and it does not count as used where there is a quota.
 */

/** Room for some hundred thousand names in the trash. */
const largest = 64 * 1024 * 1024;
/** A volume, or a quota, where it would have less is too small for one. */
const smallest = 256 * 1024;
const shareOfVolume = 128;
const shareOfQuota = 256;
const pieceBytes = 256 * 1024;

/** How large it should be, in bytes; 0 for none. `wished` is the setting, if there is one. */
export function ballastSize(
  totalBytes: number,
  quotaBytes: number | undefined,
  wished: number | undefined,
): number {
  if (wished !== undefined) return Math.min(wished, Math.floor(totalBytes / 16));
  const fitting = Math.min(
    largest,
    totalBytes / shareOfVolume,
    (quotaBytes ?? Number.POSITIVE_INFINITY) / shareOfQuota,
  );
  return fitting < smallest ? 0 : Math.floor(fitting);
}

/** Bytes on disk that it takes now. */
export async function ballastBytes(layout: Layout): Promise<number> {
  try {
    return sizeOnDisk(await lstat(layout.ballast));
  } catch (error) {
    if (isAbsent(error)) return 0;
    throw volumeError(error, 'looking for the ballast');
  }
}

/** Makes it anew, of real blocks: bytes that nothing can compress, written and on disk. */
export async function makeBallast(layout: Layout, bytes: number): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  try {
    const handle = await createNew(temporary, 0o600);
    try {
      // The same memory each time: 64 MiB of it would lie about until a collection.
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, bytes));
      for (let done = 0; done < bytes; done += pieceBytes) {
        randomFillSync(piece);
        await writeFully(handle, piece.subarray(0, bytes - done), done);
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await renameOver(temporary, layout.ballast);
  } catch (error) {
    await discard(temporary).catch(() => {});
    throw volumeError(error, 'making the ballast');
  }
}

/** Removes it where none is wanted. */
export async function forgoBallast(layout: Layout): Promise<void> {
  try {
    await discard(layout.ballast);
  } catch (error) {
    throw volumeError(error, 'removing the ballast');
  }
}

/** Gives it up; false when there is none. Blocks its thread. */
function dropBallast(layout: Layout): boolean {
  try {
    unlinkSync(layout.ballast);
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
  // Some file systems hand the blocks out again only when they have written down that they are free.
  const folder = openSync(dirname(layout.ballast), 'r');
  try {
    fsyncSync(folder);
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error;
  } finally {
    closeSync(folder);
  }
  return true;
}

/** A call that needs a little room; where there is none, it is made again once the ballast is gone. */
export function orWithoutBallast<T>(layout: Layout, call: () => T, onDropped: () => void): T {
  try {
    return call();
  } catch (error) {
    if (!isFull(error)) throw error;
    // Another janitor may have given it up a moment ago.
    if (dropBallast(layout)) onDropped();
    return call();
  }
}

/** Whether a call failed for want of blocks or inodes. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(error));
}
