import { linkSync, mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { orWithoutBallast } from './ballast.ts';
import { trashedFiles, sizeOnDisk } from './evictable.ts';
import { foldersBelow } from './folder-walk.ts';
import type { Layout } from './layout.ts';
import { nobody } from './removal-watcher.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/** What came of a run in the trash. */
export interface Emptied {
  readonly blobs: number;
  /** References, action results, assets and values that were not used for as long as the blobs. */
  readonly records: number;
  /** Bytes on disk of both. */
  readonly bytes: number;
  /** Files that were touched while they were on their way out, and went back. */
  readonly returned: number;
  /** How long the youngest removed blob had not been used; 0 when none was removed. Milliseconds. */
  readonly youngestIdleMs: number;
}

export const nothingEmptied: Emptied = { blobs: 0, records: 0, bytes: 0, returned: 0, youngestIdleMs: 0 };

/** What came of both. */
export function sumOfEmptied(one: Emptied, other: Emptied): Emptied {
  const idle = [one, other].flatMap(({ blobs, youngestIdleMs }) => (blobs === 0 ? [] : [youngestIdleMs]));
  return {
    blobs: one.blobs + other.blobs,
    records: one.records + other.records,
    bytes: one.bytes + other.bytes,
    returned: one.returned + other.returned,
    youngestIdleMs: idle.length === 0 ? 0 : Math.min(...idle),
  };
}

/** When a file in the trash may go. Milliseconds. */
export interface EmptyingAges {
  /** What was touched since is leased, and goes back. */
  readonly evictAgeMs: number;
  /** What came into the trash since may have a reader on its way; 0 for a run whose files have all rested. */
  readonly restMs: number;
}

/**
 * Finishes a run: what was touched meanwhile goes back, the rest is removed. Any process may finish any
 * run, the one of a janitor that died included; each file counts for whoever removed it. Blocks its thread.
 */
export function emptyTrash(
  layout: Layout,
  run: string,
  ages: EmptyingAges,
  clock: Clock,
  watcher = nobody,
): Emptied {
  const outcome = { blobs: 0, records: 0, bytes: 0, returned: 0 };
  let youngestIdleMs = Number.POSITIVE_INFINITY;
  for (const { path, home, blob, stats } of trashedFiles(layout, run)) {
    // A rename sets ctime; a clock that is behind only makes it wait.
    if (ages.restMs > 0 && clock() - stats.ctimeMs < ages.restMs) continue;
    const isBlob = dirname(path) === join(layout.trash, run);
    const idleMs = clock() - stats.mtimeMs;
    if (idleMs < ages.evictAgeMs && home !== undefined) {
      linkBack(layout, path, home);
      if (!discarded(path)) continue;
      outcome.returned++;
      watcher.returned(blob, sizeOnDisk(stats));
    } else if (discarded(path)) {
      outcome[isBlob ? 'blobs' : 'records']++;
      outcome.bytes += sizeOnDisk(stats);
      watcher.removed(sizeOnDisk(stats));
      if (isBlob) youngestIdleMs = Math.min(youngestIdleMs, idleMs);
    }
  }
  removeEmptyFolders(join(layout.trash, run));
  return { ...outcome, youngestIdleMs: outcome.blobs === 0 ? 0 : youngestIdleMs };
}

/** A reader may have been faster, or a new one has taken the place: then it is there. */
function linkBack(layout: Layout, path: string, home: string): void {
  const link = () =>
    orWithoutBallast(
      layout,
      () => linkSync(path, home),
      () => {},
    );
  try {
    link();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (!isAbsent(error)) throw error;
    // Its folder may be gone, or a reader has just taken it home: once more, and then it is there.
    mkdirSync(dirname(home), { recursive: true });
    try {
      link();
    } catch (again) {
      if (errnoOf(again) !== 'EEXIST' && !isAbsent(again)) throw again;
    }
  }
}

/** A janitor that was stopped and goes on may be moving something here right now: what is not empty stays. */
function removeEmptyFolders(folder: string): void {
  for (const path of foldersBelow(folder)) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST' && !isAbsent(error)) throw error;
    }
  }
}

/** False when somebody else was faster. */
function discarded(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
