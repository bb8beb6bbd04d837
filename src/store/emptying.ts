import { linkSync, lstatSync, mkdirSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { foldersBelow, trashedFiles, sizeOnDisk } from './evictable.ts';
import type { EvictionOutcome } from './eviction.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/**
 * Finishes a run: what was touched meanwhile goes back, the rest is removed. Any process may finish any
 * run, the one of a janitor that died included. Blocks its thread.
 */
export function emptyTrash(layout: Layout, run: string, evictAgeMs: number, clock: Clock): EvictionOutcome {
  const outcome = { blobs: 0, records: 0, bytes: 0, returned: 0 };
  let youngestIdleMs = Number.POSITIVE_INFINITY;
  for (const { path, home, stats } of trashedFiles(layout, run)) {
    const isBlob = dirname(path) === join(layout.trash, run);
    const idleMs = clock() - stats.mtimeMs;
    if (idleMs < evictAgeMs && home !== undefined) {
      linkBack(path, home);
      outcome.returned++;
    } else {
      outcome[isBlob ? 'blobs' : 'records']++;
      outcome.bytes += sizeOnDisk(stats);
      if (isBlob) youngestIdleMs = Math.min(youngestIdleMs, idleMs);
    }
    discard(path);
  }
  removeEmptyFolders(join(layout.trash, run));
  return { ...outcome, youngestIdleMs: outcome.blobs === 0 ? 0 : youngestIdleMs };
}

/** Runs in the trash whose folder has not changed for so long: their janitor is gone. */
export function abandonedRuns(layout: Layout, olderThanMs: number, clock: Clock): string[] {
  const runs: string[] = [];
  const trash = opendirSync(layout.trash);
  for (let entry = trash.readSync(); entry !== null; entry = trash.readSync()) {
    const stats = lstatSync(join(layout.trash, entry.name), { throwIfNoEntry: false });
    if (stats?.isDirectory() === true && clock() - stats.ctimeMs > olderThanMs) runs.push(entry.name);
  }
  trash.closeSync();
  return runs;
}

/** A reader may have been faster, or a new one has taken the place: then it is there. */
function linkBack(path: string, home: string): void {
  try {
    linkSync(path, home);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (!isAbsent(error)) throw error;
    // Its folder may be gone, or a reader has just taken it home: once more, and then it is there.
    mkdirSync(dirname(home), { recursive: true });
    try {
      linkSync(path, home);
    } catch (again) {
      if (errnoOf(again) !== 'EEXIST' && !isAbsent(again)) throw again;
    }
  }
}

/** A janitor that was stopped and goes on may be moving something here right now: what is not empty stays. */
function removeEmptyFolders(folder: string): void {
  for (const path of foldersBelow(folder).toReversed()) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST' && !isAbsent(error)) throw error;
    }
  }
}

function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
