import type { FileHandle } from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { link } from 'node:fs/promises';
import { openRegular } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/**
 * Blobs on their way out rest in trash/<run>/ for a while, one folder for each run of a janitor.
 * Whoever needs one takes it from there; this file is how.
 */

/** The runs that have a folder now: mostly none. */
export async function trashRuns(layout: Layout): Promise<string[]> {
  try {
    return await readdir(layout.trash);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Gives a blob its place back; true when it is there now. Linking sets ctime, which renews the lease. */
export async function bringBack(layout: Layout, runs: readonly string[], hash: string): Promise<boolean> {
  for (const run of runs) {
    try {
      await link(layout.trashed(run, hash), layout.blob(hash));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return true;
      if (!isAbsent(error)) throw error;
    }
  }
  return false;
}

/**
 * A blob's file, wherever it is: in its place, in the trash, or in its place again, because a
 * janitor may have linked it back between the two looks. Undefined when it is nowhere.
 */
export async function openBlob(layout: Layout, hash: string): Promise<FileHandle | undefined> {
  const inPlace = await openIfPresent(layout.blob(hash));
  if (inPlace !== undefined) return inPlace;
  for (const run of await trashRuns(layout)) {
    const inTrash = await openIfPresent(layout.trashed(run, hash));
    if (inTrash !== undefined) return inTrash;
  }
  return await openIfPresent(layout.blob(hash));
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await openRegular(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
