import { parentPort, workerData } from 'node:worker_threads';
import { abandonedRuns, emptyTrash } from '../store/emptying.ts';
import { evict, type EvictionOutcome, type EvictionPlan } from '../store/eviction.ts';
import { type Layout, layoutOf } from '../store/layout.ts';
import { measureBlobs, measureRest } from '../store/measuring.ts';
import { removersClock } from '../store/volume-clock.ts';
import { type ScrubPass, scrubPass, type ScrubSlice } from '../store/scrubbing.ts';

/** What the thread is asked to do. */
export type JanitorTask =
  /** A pass of eviction, after what dead janitors have left in the trash. */
  | { readonly kind: 'evict'; readonly plan: EvictionPlan; readonly abandonedAfterMs: number }
  /** Bytes on disk of some of the 256 folders of blobs, and of everything else when that is asked for. */
  | { readonly kind: 'measure'; readonly prefixes: readonly string[]; readonly rest: boolean }
  /**
   * Goes on with the scrub until so much was charged; with `startAt`, begins at that one of the 256 folders. Reads
   * with calls that do not block, so that other tasks come between.
   */
  | { readonly kind: 'scrub'; readonly startAt: number | undefined; readonly charge: number };

/** What a measurement gives. */
export interface Measurement {
  readonly folders: Record<string, number>;
  readonly rest: number | undefined;
}

/** The answer to each kind of task. */
export interface JanitorAnswers {
  evict: EvictionOutcome;
  measure: Measurement;
  scrub: ScrubSlice;
}

/** A task with the number that its answer carries. */
export interface JanitorRequest {
  readonly id: number;
  readonly task: JanitorTask;
}

/** An answer, or the words of a failure. */
export type JanitorResponse =
  | { readonly id: number; readonly answer: JanitorAnswers[JanitorTask['kind']] }
  | { readonly id: number; readonly failure: string };

let scrub: ScrubPass | undefined;

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

async function run(layout: Layout, task: JanitorTask): Promise<JanitorAnswers[JanitorTask['kind']]> {
  if (task.kind === 'scrub') return await goOnScrubbing(layout, task.startAt, task.charge);
  if (task.kind === 'measure') {
    return {
      folders: Object.fromEntries(task.prefixes.map((prefix) => [prefix, measureBlobs(layout, prefix)])),
      rest: task.rest ? measureRest(layout) : undefined,
    };
  }
  const clock = await removersClock(layout);
  for (const left of abandonedRuns(layout, task.abandonedAfterMs, clock)) {
    emptyTrash(layout, left, task.plan.evictAgeMs, clock);
  }
  return await evict(layout, task.plan, clock);
}

// Walking a volume of millions of blobs would keep the event loop of the server busy for minutes.
if (parentPort !== null) {
  const port = parentPort;
  const layout = layoutOf(workerData as string);
  port.on('message', ({ id, task }: JanitorRequest) => {
    run(layout, task).then(
      (answer) => port.postMessage({ id, answer } satisfies JanitorResponse),
      (error: unknown) => port.postMessage({ id, failure: String(error) } satisfies JanitorResponse),
    );
  });
}
