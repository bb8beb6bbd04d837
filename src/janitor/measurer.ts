import type { Logger } from '../core/observer.ts';
import { blobPrefixes } from '../store/layout.ts';
import type { Space } from '../store/space.ts';
import type { JanitorThread } from './janitor-thread.ts';

/** Keeps what is known of the bytes that the cache takes current. */
export interface Measurer {
  /** Measures some folders, or `everything` once, beginning after the call. Rejects when the volume fails. */
  measure(everything: boolean): Promise<void>;
  stop(): void;
}

/** One measurement should take about so long; more folders at once are measured when it takes less. Milliseconds. */
const aimMs = 100;
/** The thread rests for so many times as long as it worked, so that it takes a twentieth of a core. */
const restFactor = 20;
const shortestRestMs = 500;
const restAfterFailureMs = 10_000;

/** Begins to measure, folder by folder, again and again; the first round takes no rests. */
export function startMeasurer(
  thread: JanitorThread,
  space: Pick<Space, 'beginMeasuring' | 'askForMeasuring' | 'used'>,
  logger: Logger,
): Measurer {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let next = 0;
  let atOnce = 16;
  let rounds = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: each begins after it was asked for. Resolves with how many folders there were, and how long they took. */
  function measureSome(): Promise<{ folders: number; took: number }> {
    const mine = last.then(measureNext);
    last = mine.catch(() => {});
    return mine;
  }

  async function measureNext(): Promise<{ folders: number; took: number }> {
    const prefixes = blobPrefixes.slice(next, next + atOnce);
    const begun = performance.now();
    const measuring = await space.beginMeasuring();
    measuring.done(await thread.run({ kind: 'measure', prefixes, records: next === 0 }));
    const took = performance.now() - begun;
    next += prefixes.length;
    if (next >= blobPrefixes.length) {
      next = 0;
      if (rounds++ === 0)
        logger.info('measured what the cache takes', { bytes: Math.round(space.used.current()) });
    }
    if (took < aimMs) atOnce = Math.min(blobPrefixes.length, atOnce * 2);
    else if (took > 4 * aimMs) atOnce = Math.max(1, atOnce >> 1);
    return { folders: prefixes.length, took };
  }

  async function measure(everything: boolean): Promise<void> {
    let left = everything ? blobPrefixes.length : 1;
    while (left > 0) left -= (await measureSome()).folders;
  }

  async function goOn(): Promise<void> {
    let restMs = shortestRestMs;
    try {
      const { took } = await measureSome();
      restMs = rounds === 0 ? 0 : Math.max(shortestRestMs, took * restFactor);
    } catch (error) {
      if (stopped) return;
      logger.error('measuring the cache failed', { error: String(error) });
      restMs = restAfterFailureMs;
    }
    if (stopped) return;
    timer = setTimeout(() => void goOn(), restMs);
    timer.unref();
  }

  // Until the first round is over, some folders say little of the others.
  space.askForMeasuring(() => measure(rounds === 0));
  void goOn();
  return {
    measure,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
