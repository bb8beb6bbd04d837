import { lstatSync, opendirSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { isAbsent } from './volume-error.ts';

/** Knows which runs in the trash nobody finishes. */
export interface TrashWatch {
  /**
   * Runs whose folder has not changed for so long, by this process's own clock: their janitor is gone, or stands still.
   * The first look at one shows nothing yet. Blocks its thread. Milliseconds.
   */
  abandoned(afterMs: number): string[];
  /** Runs that there were at the last look. */
  count(): number;
}

/** More runs than anybody leaves; the others are looked at when these are gone. */
const watchedRuns = 1000;

/** Watches from its first look on. */
export function trashWatch(layout: Layout): TrashWatch {
  let seen = new Map<string, { mark: string; since: number }>();

  function look(): void {
    const now = performance.now();
    const found: typeof seen = new Map();
    for (const { run, mark } of runsIn(layout.trash)) {
      const before = seen.get(run);
      found.set(run, before?.mark === mark ? before : { mark, since: now });
      if (found.size >= watchedRuns) break;
    }
    seen = found;
  }

  return {
    abandoned(afterMs) {
      look();
      const now = performance.now();
      return [...seen].flatMap(([run, { since }]) => (now - since >= afterMs ? [run] : []));
    },
    count: () => seen.size,
  };
}

function* runsIn(trash: string): Generator<{ run: string; mark: string }> {
  let folder;
  try {
    folder = opendirSync(trash);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      const stats = lstatSync(join(trash, entry.name), { throwIfNoEntry: false });
      if (stats?.isDirectory() === true) yield { run: entry.name, mark: `${stats.ino} ${stats.ctimeMs}` };
    }
  } finally {
    folder.closeSync();
  }
}
