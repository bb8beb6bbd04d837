import { Worker } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/observer.ts';
import type { StorageState, StorageSummary } from '../core/status.ts';
import type { SummaryAnswer, SummaryTask } from './summary-worker.ts';

/** Adds up what takes the room of a volume, in a thread of its own and only for those who look. */
export interface StorageSummaries {
  /** What was added up last. Begins again, in the background, when that is old. */
  state(): StorageState;
  stop(): Promise<void>;
}

/** A summary is good for so long, and for so many times as long as it took. */
const freshMs = 10 * 60_000;
const freshFactor = 20;
/** A table of so many blobs takes some 25 MB, and 40 MB while it grows. */
const mostBlobs = 1_000_000;
const endPatienceMs = 5000;

/** `root` is the volume's. Nothing is begun before somebody asks. */
export function storageSummaries(root: string, clock: Clock, logger: Logger): StorageSummaries {
  let summary: StorageSummary | undefined;
  let failure = '';
  let thread: Worker | undefined;
  let dueAt = Number.NEGATIVE_INFINITY;
  let stopped = false;

  function begin(): void {
    const begun = performance.now();
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./summary-worker.${extension}`, import.meta.url), {
      workerData: { root, mostBlobs } satisfies SummaryTask,
    });
    worker.unref();
    thread = worker;
    let answer: SummaryAnswer = { failure: 'its thread has ended' };
    worker.on('message', (message: SummaryAnswer) => (answer = message));
    worker.on('error', (error) => (answer = { failure: String(error) }));
    worker.on('exit', () => {
      thread = undefined;
      if (!stopped) take(answer, performance.now() - begun);
    });
  }

  function take(answer: SummaryAnswer, tookMs: number): void {
    dueAt = performance.now() + Math.max(freshMs, freshFactor * tookMs);
    failure = 'failure' in answer ? answer.failure : '';
    if ('failure' in answer) logger.error('adding up the volume failed', { error: failure });
    else summary = { ...answer.summary, atMs: clock(), tookMs };
  }

  return {
    state() {
      if (!stopped && thread === undefined && performance.now() >= dueAt) begin();
      return { summary, failure, isAddingUp: thread !== undefined };
    },
    async stop() {
      stopped = true;
      const patience = new Promise((resolve) => setTimeout(resolve, endPatienceMs).unref());
      await Promise.race([thread?.terminate(), patience]);
    },
  };
}
