import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { orWithoutBallast } from './ballast.ts';
import { isRecordTrashName } from './evictable.ts';
import type { Layout } from './layout.ts';
import { dropSuperseded } from './superseded.ts';
import { isAbsent } from './volume-error.ts';

/** Moves things into a run's folder of the trash. Blocks its thread. */
export interface TrashRun {
  /** False when the file is gone. `trashName` is where it rests, below the run's folder. */
  move(path: string, trashName: string): boolean;
  readonly droppedBallast: boolean;
}

/** Makes the run's folder. */
export function trashRun(layout: Layout, run: string): TrashRun {
  const folder = join(layout.trash, run);
  let droppedBallast = false;
  const squeezed = <T>(call: () => T) => orWithoutBallast(layout, call, () => (droppedBallast = true));
  squeezed(() => mkdirSync(folder, { recursive: true }));
  return {
    move(path, trashName) {
      if (isRecordTrashName(trashName)) dropSuperseded(layout, path, trashName);
      const to = join(folder, trashName);
      return squeezed(() => renameUnlessGone(path, to));
    },
    get droppedBallast() {
      return droppedBallast;
    },
  };
}

function renameUnlessGone(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  // Records keep their folders in the trash; the first of each makes them.
  try {
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
