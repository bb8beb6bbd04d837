import type { Clock } from '../core/clock.ts';
import type { BlobName } from '../core/digest.ts';
import { type OpenFile, openRegular } from './durable-file.ts';
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

/** How often two looks may take too long to say anything before what they have not found counts as nowhere. */
const mostSearches = 4;

/**
 * What two looks find, each at the trash first and then in its place; undefined for what is nowhere. One look is not enough: a janitor may give
 * back what was touched on its way out after we have looked at the trash, and another, which saw it before it was touched and was
 * interrupted since, may move it out again before we look in its place. But what has come into the trash rests there
 * (`graceMs`; 0 where nobody knows for how long): within that time, the second look finds it.
 */
export async function foundOrNowhere<T>(
  look: () => Promise<T | undefined>,
  graceMs: number,
  elapsed: Clock = () => performance.now(),
): Promise<T | undefined> {
  for (let search = 0; search < mostSearches; search++) {
    const begun = elapsed();
    const found = (await look()) ?? (await look());
    if (found !== undefined || graceMs === 0 || elapsed() - begun < graceMs / 2) return found;
  }
  return undefined;
}

/** A blob's file, wherever it is: in its place or in the trash. Undefined when it is nowhere. `graceMs`: see foundOrNowhere(). */
export async function openBlob(
  calls: FileCalls,
  layout: Layout,
  name: BlobName,
  graceMs = shortestGraceMs,
): Promise<OpenFile | undefined> {
  const inPlace = await openIfPresent(layout.blob(name));
  if (inPlace !== undefined) return inPlace;
  const look = async () => {
    for (const run of await calls.names(layout.trash)) {
      const inTrash = await openIfPresent(layout.trashed(run, name));
      if (inTrash !== undefined) return inTrash;
    }
    return await openIfPresent(layout.blob(name));
  };
  return await foundOrNowhere(look, graceMs);
}

async function openIfPresent(path: string): Promise<OpenFile | undefined> {
  try {
    return await openRegular(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
