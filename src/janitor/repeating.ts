import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../core/observer.ts';

/** A piece of work that is done again and again. */
export interface Repeating {
  /** Resolves when nothing of it is under way. */
  stop(): Promise<void>;
}

/** Works, and rests for as long as the work says (milliseconds), until it is stopped. The work must not reject. */
export function repeat(work: (signal: AbortSignal) => Promise<number>): Repeating {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function goOn(): Promise<void> {
    while (!signal.aborted) {
      const restMs = await work(signal);
      await sleep(restMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  const going = goOn();
  return {
    async stop() {
      stopping.abort();
      await going;
    },
  };
}

/** Works now and again every so many milliseconds; work that fails is logged, and tried again next time. */
export function every(milliseconds: number, work: () => Promise<unknown>, logger: Logger): Repeating {
  return repeat(async () => {
    await work().catch((error: unknown) => logger.error('maintenance failed', { error: String(error) }));
    return milliseconds;
  });
}
