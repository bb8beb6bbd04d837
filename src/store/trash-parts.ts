import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { type Emptied, emptyTrash, nothingEmptied, sumOfEmptied } from './emptying.ts';
import type { EvictionPlan } from './eviction.ts';
import type { Layout } from './layout.ts';
import type { RemovalWatcher } from './removal-watcher.ts';
import { type TrashRun, trashRun } from './trash-run.ts';

/** The trash of one pass: a run after the other, each emptied when it has rested. Blocks its thread, except where it says so. */
export interface TrashParts {
  /** False when the file is gone. `trashName` is where it rests, below its run's folder. */
  move(path: string, trashName: string): boolean;
  /** Asked for after each move: now and then it empties what has rested, and lets the thread do other work. */
  goOn(): Promise<void> | undefined;
  /** Waits until all has rested, and empties it. */
  end(): Promise<Emptied & { readonly droppedBallast: boolean }>;
}

/** Other work of the thread waits for so many moves at most. */
const movesAtOnce = 1000;

/** For one pass of this plan. */
export function trashParts(
  layout: Layout,
  plan: EvictionPlan,
  clock: Clock,
  watcher: RemovalWatcher,
): TrashParts {
  const resting: { readonly run: string; readonly untilMs: number }[] = [];
  let emptied = nothingEmptied;
  let droppedBallast = false;
  let begun = 0;
  let part = begin();
  let moves = 0;

  function begin(): { run: string; trash: TrashRun; files: number } {
    const name = begun === 0 ? plan.run : `${plan.run}-${begun}`;
    begun++;
    return { run: name, trash: trashRun(layout, name), files: 0 };
  }

  function rest(): void {
    resting.push({ run: part.run, untilMs: performance.now() + plan.graceMs });
    droppedBallast ||= part.trash.droppedBallast;
  }

  function emptyFirst(): void {
    const first = resting.shift();
    if (first === undefined) return;
    emptied = sumOfEmptied(
      emptied,
      emptyTrash(layout, first.run, { evictAgeMs: plan.evictAgeMs, restMs: 0 }, clock, watcher),
    );
  }

  return {
    move(path, trashName) {
      if (!part.trash.move(path, trashName)) return false;
      part.files++;
      return true;
    },
    goOn() {
      if (part.files >= plan.filesOfPart) {
        rest();
        part = begin();
      }
      if (++moves % movesAtOnce !== 0) return undefined;
      while (resting[0] !== undefined && resting[0].untilMs <= performance.now()) emptyFirst();
      return immediate();
    },
    async end() {
      rest();
      while (resting[0] !== undefined) {
        await sleep(Math.max(0, resting[0].untilMs - performance.now()));
        emptyFirst();
      }
      return { ...emptied, droppedBallast };
    },
  };
}
