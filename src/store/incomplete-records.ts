import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { instantOf } from '../core/instant.ts';
import { type EmptyingAges, emptyTrash } from './emptying.ts';
import { recordTrashName } from './evictable.ts';
import { filesBelow } from './folder-walk.ts';
import { incompleteObservations } from './incomplete-observations.ts';
import type { Layout } from './layout.ts';
import { lookAtRecord, untouchedReaches } from './record-look.ts';
import { type TrashRun, trashRun } from './trash-run.ts';

/** What a part of a pass over all records did. */
export interface RecordSlice {
  /** Records that were looked at. */
  readonly looked: number;
  /** Records that were seen incomplete once, so far in this pass; they go when they still are, later. */
  readonly waiting: number;
  /** Records that went. */
  readonly removed: number;
  /** Bytes on disk of those. */
  readonly bytes: number;
  /** Paths below the volume of the first of them. */
  readonly firstRemoved: readonly string[];
  /** Why one could not be looked at, the first such. */
  readonly failure: string | undefined;
  /** The pass is over. */
  readonly done: boolean;
}

/** Removes records that lead to something which is not here, once that was seen twice, longer than a lease apart. */
export interface RecordTidier {
  /**
   * Goes on for so long, or until all records were looked at; then the next slice begins anew. `anew` forgets where the
   * pass is, and takes over from the volume what was seen before: for a server that does this from now on.
   */
  slice(anew: boolean, forMs: number, evictAgeMs: number, graceMs: number): Promise<RecordSlice>;
}

const namedOfRemoved = 3;
const saveEveryMs = 60_000;

/**
 * Walks and looks; nothing is leased by that, and no time of a record changes. What was seen incomplete first is noted
 * on the volume, and starts over when the record was used or written since: a client pushes names first, and the
 * rest later. What goes rests in the trash, where whoever uses it meanwhile brings it back, as in an eviction.
 */
export function recordTidier(layout: Layout, clock: Clock): RecordTidier {
  const observations = incompleteObservations(layout, clock);
  const reaches = untouchedReaches(layout, () => false);
  let walk: Iterator<Step, undefined> | undefined;
  let savedAt = performance.now();

  async function begin(anew: boolean): Promise<Iterator<Step, undefined>> {
    if (anew) {
      await observations.load();
      walk?.return?.();
      walk = undefined;
    }
    if (walk === undefined) observations.beginPass();
    return walk ?? recordSteps(layout);
  }

  async function slice(
    anew: boolean,
    forMs: number,
    evictAgeMs: number,
    graceMs: number,
  ): Promise<RecordSlice> {
    walk = await begin(anew);
    const run = randomUUID();
    const until = performance.now() + forMs;
    const done = { looked: 0, failure: undefined as string | undefined, done: false };
    const firstRemoved: string[] = [];
    let trash: TrashRun | undefined;
    while (!done.done && performance.now() < until) {
      const { value: step } = walk.next();
      done.done = step === undefined;
      try {
        if (step === undefined) continue;
        if ('failed' in step) throw step.failed;
        done.looked++;
        if (!(await isDue(step, evictAgeMs))) continue;
        trash ??= trashRun(layout, run);
        const name = recordTrashName(layout, step.path);
        if (!trash.move(step.path, name)) continue;
        observations.forget(step.path);
        if (firstRemoved.length < namedOfRemoved) firstRemoved.push(relative(layout.root, step.path));
      } catch (error) {
        // What cannot be looked at is not incomplete.
        done.failure ??= String(error);
      }
    }
    await end(done.done);
    const emptied = trash && (await emptiedAfter(graceMs, run, { evictAgeMs, restMs: 0 }));
    const { records: removed = 0, bytes = 0 } = emptied ?? {};
    return { ...done, waiting: observations.count(), removed, bytes, firstRemoved };
  }

  /** Whether a record has been incomplete, and nobody has used or written it, for so long. */
  async function isDue({ root, path }: FoundRecord, evictAgeMs: number): Promise<boolean> {
    const look = await lookAtRecord(layout, reaches, root, path, instantOf(clock()));
    if (look?.state !== 'incomplete') return false;
    const since = observations.note(path, markOf(look));
    const unusedSince = Math.max(look.mtimeMs, look.ctimeMs);
    if (since === undefined || clock() - Math.max(since, unusedSince) <= evictAgeMs) return false;
    const now = lstatSync(path, { throwIfNoEntry: false });
    return now !== undefined && markOf(now) === markOf(look);
  }

  /** A long pass saves now and then what it has seen; what was seen since is seen again by whoever goes on. */
  async function end(isWhole: boolean): Promise<void> {
    if (isWhole) {
      walk = undefined;
      observations.endPass();
    } else if (performance.now() - savedAt < saveEveryMs) return;
    savedAt = performance.now();
    await observations.save();
  }

  async function emptiedAfter(graceMs: number, run: string, ages: EmptyingAges) {
    await sleep(graceMs);
    return emptyTrash(layout, run, ages, clock);
  }

  return { slice };
}

interface FoundRecord {
  /** Which of the folders of records it is in. */
  readonly root: string;
  readonly path: string;
}

type Step = FoundRecord | { readonly failed: unknown };

function* recordSteps(layout: Layout): Generator<Step, undefined> {
  for (const root of layout.recordRoots) {
    try {
      for (const { path } of filesBelow(root)) yield { root, path };
    } catch (failed) {
      yield { failed };
    }
  }
  return undefined;
}

function markOf({ ino, mtimeMs, ctimeMs }: { ino: number; mtimeMs: number; ctimeMs: number }): string {
  return `${ino}/${mtimeMs}/${ctimeMs}`;
}
