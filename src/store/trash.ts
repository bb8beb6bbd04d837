import type { FileHandle } from 'node:fs/promises';
import type { BlobName } from '../core/digest.ts';
import { openRegular } from './durable-file.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/**
 * Blobs on their way out rest in trash/<run>/ for a while, one folder for each run of a janitor.
 * Whoever needs one takes it from there; this file is how.
 */

/** Nobody lets them rest for less than this, however short its leases are. Milliseconds. */
export const shortestGraceMs = 1000;

/**
 * Gives a blob its place back from one of the runs (the folders of the trash), when it is in one. Its times, set to
 * `time`, renew the lease. Linking alone would set ctime only, which a rename does too: another janitor, which looked
 * at the blob before all this and moves it only now, could not see in its trash that somebody needs it.
 */
export async function bringBack(
  calls: FileCalls,
  layout: Layout,
  runs: readonly string[],
  name: BlobName,
  time: number,
): Promise<void> {
  for (const run of runs) {
    try {
      const trashed = layout.trashed(run, name);
      if (!(await calls.refresh(trashed, time))) continue;
      await calls.link(trashed, layout.blob(name));
      return;
    } catch (error) {
      // On a volume that became read-only it stays where it is, and readers find it there.
      if (!isAbsent(error) && errnoOf(error) !== 'EROFS') throw error;
    }
  }
}

/**
 * A blob's file, wherever it is: in its place, in the trash, or in its place again, because a
 * janitor may have linked it back between the two looks. Undefined when it is nowhere.
 */
export async function openBlob(
  calls: FileCalls,
  layout: Layout,
  name: BlobName,
): Promise<FileHandle | undefined> {
  const inPlace = await openIfPresent(layout.blob(name));
  if (inPlace !== undefined) return inPlace;
  for (const run of await calls.names(layout.trash)) {
    const inTrash = await openIfPresent(layout.trashed(run, name));
    if (inTrash !== undefined) return inTrash;
  }
  return await openIfPresent(layout.blob(name));
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await openRegular(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
