import { parentPort, workerData } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { type Emptied, emptyTrash, nothingEmptied, sumOfEmptied } from '../store/emptying.ts';
import { evict, type EvictionOutcome, type EvictionPlan } from '../store/eviction.ts';
import { recordTidier, type RecordSlice, type RecordTidier } from '../store/incomplete-records.ts';
import { type Layout, layoutOf } from '../store/layout.ts';
import { measureVolume } from '../store/measuring.ts';
import { type ScrubPass, scrubPass, type ScrubSlice } from '../store/scrubbing.ts';
import { type TrashWatch, trashWatch } from '../store/trash-watch.ts';
import type { PinsKept } from '../store/pin-keeping.ts';
import type { MeasuredBytes } from '../store/used-bytes.ts';
import { removersClock } from '../store/volume-clock.ts';
import type { LeaseAges } from './lease-ages.ts';
import { type EvictionSteps, steppedWatcher } from './eviction-steps.ts';
import { type PinnedTime, pinnedTime } from './pinned-time.ts';

/** What the thread is asked to do. */
export type JanitorTask =
  /** Leases what is pinned, unless that was done a short while ago. */
  | { readonly kind: 'pins'; readonly ages: LeaseAges; readonly indexOnly: boolean }
  /** A pass of eviction. */
  | {
      readonly kind: 'evict';
      readonly plan: EvictionPlan;
      readonly ages: LeaseAges;
      readonly indexOnly: boolean;
    }
  /** Finishes what dead janitors have left in the trash. */
  | { readonly kind: 'finish'; readonly ages: LeaseAges }
  /** A part of a pass over all records (RecordTidier). */
  | {
      readonly kind: 'records';
      readonly anew: boolean;
      readonly forMs: number;
      readonly ages: LeaseAges;
      readonly indexOnly: boolean;
    }
  /** Bytes on disk of some of the 256 folders of blobs, of what is on its way, and of all records when that is asked for. */
  | { readonly kind: 'measure'; readonly prefixes: readonly string[]; readonly records: boolean }
  /**
   * Goes on with the scrub until so much was charged; with `startAt`, begins at that one of the 256 folders. Other
   * tasks come between.
   */
  | { readonly kind: 'scrub'; readonly startAt: number | undefined; readonly charge: number };

/** What dead janitors have left. */
export interface Finished extends Emptied {
  /** Runs that are still in the trash: somebody may be at them. */
  readonly runsLeft: number;
}

/** The answer to each kind of task. */
export interface JanitorAnswers {
  pins: PinsKept;
  evict: EvictionOutcome & { readonly pins: PinsKept };
  finish: Finished;
  records: RecordSlice;
  measure: MeasuredBytes;
  scrub: ScrubSlice;
}

/** A task with the number that its answer carries. */
export interface JanitorRequest {
  readonly id: number;
  readonly task: JanitorTask;
}

/** An answer, the words of a failure, or what a pass of eviction has done since the last such message. */
export type JanitorResponse =
  | { readonly id: number; readonly answer: JanitorAnswers[JanitorTask['kind']] }
  | { readonly id: number; readonly failure: string }
  | { readonly steps: EvictionSteps };

type StepsWatcher = ReturnType<typeof steppedWatcher>;

let scrub: ScrubPass | undefined;
let records: RecordTidier | undefined;
let tidiersClock: Clock = Date.now;
let trash: TrashWatch | undefined;
let time: PinnedTime | undefined;
/** Runs of passes that are under way here. */
const ownRuns = new Set<string>();

async function goOnScrubbing(
  layout: Layout,
  startAt: number | undefined,
  charge: number,
): Promise<ScrubSlice> {
  if (startAt !== undefined) {
    await scrub?.end();
    scrub = scrubPass(layout, startAt);
  }
  if (scrub === undefined) throw new Error('there is no pass to go on with');
  return await scrub.slice(charge);
}

async function evictOnce(
  layout: Layout,
  { plan, ages, indexOnly }: Extract<JanitorTask, { kind: 'evict' }>,
  watcher: StepsWatcher,
): Promise<JanitorAnswers['evict']> {
  const { clock, pins } = await renewedTime(layout, ages, indexOnly);
  ownRuns.add(plan.run);
  try {
    return { ...(await evict(layout, plan, clock, watcher)), pins };
  } finally {
    ownRuns.delete(plan.run);
    watcher.tellNow();
  }
}

/** Who removes by age does it by this: nothing that is pinned is due then. */
async function renewedTime(layout: Layout, ages: LeaseAges, indexOnly: boolean) {
  time ??= pinnedTime(layout);
  return await time.renewed(ages, indexOnly);
}

async function finishAbandoned(
  layout: Layout,
  { evictAgeMs, graceMs, abandonedAfterMs }: LeaseAges,
  watcher: StepsWatcher,
): Promise<Finished> {
  const clock = await removersClock(layout);
  trash ??= trashWatch(layout);
  let sum = nothingEmptied;
  for (const run of trash.abandoned(abandonedAfterMs)) {
    if ([...ownRuns].some((own) => run.startsWith(own))) continue;
    sum = sumOfEmptied(sum, emptyTrash(layout, run, { evictAgeMs, restMs: graceMs }, clock, watcher));
  }
  watcher.tellNow();
  return { ...sum, runsLeft: trash.count() };
}

async function run(
  layout: Layout,
  task: JanitorTask,
  watcher: StepsWatcher,
): Promise<JanitorAnswers[JanitorTask['kind']]> {
  if (task.kind === 'evict') return await evictOnce(layout, task, watcher);
  if (task.kind === 'pins') return (await renewedTime(layout, task.ages, task.indexOnly)).pins;
  if (task.kind === 'finish') return await finishAbandoned(layout, task.ages, watcher);
  if (task.kind === 'scrub') return await goOnScrubbing(layout, task.startAt, task.charge);
  if (task.kind === 'records') {
    const { anew, forMs, ages, indexOnly } = task;
    tidiersClock = (await renewedTime(layout, ages, indexOnly)).clock;
    records ??= recordTidier(layout, () => tidiersClock());
    return await records.slice(anew, forMs, ages.evictAgeMs, ages.graceMs);
  }
  // What was moved until now is not where it is measured.
  watcher.tellNow();
  return measureVolume(layout, task.prefixes, task.records);
}

// Walking a volume of millions of blobs would keep the event loop of the server busy for minutes.
if (parentPort !== null) {
  const port = parentPort;
  const layout = layoutOf(workerData as string);
  const watcher = steppedWatcher((steps) => port.postMessage({ steps } satisfies JanitorResponse));
  port.on('message', ({ id, task }: JanitorRequest) => {
    run(layout, task, watcher).then(
      (answer) => port.postMessage({ id, answer } satisfies JanitorResponse),
      (error: unknown) => port.postMessage({ id, failure: String(error) } satisfies JanitorResponse),
    );
  });
}
