/** A worker that served for so long has not ended because of its start. Milliseconds. */
const steadyMs = 10_000;
const firstDelayMs = 50;
const longestDelayMs = 10_000;
/** So many ends in a row of workers that served for less. */
const mostQuickEnds = 8;

/** When an ended worker is replaced. */
export interface RestartPace {
  /** A worker has ended that had served so long: how long to wait before another is started. Milliseconds. */
  delayAfter(servedMs: number): number;
  /** Whether workers end again and again as soon as they start. */
  isHopeless(): boolean;
}

/** At once after a worker that was steady; later and later when they end soon. */
export function restartPace(): RestartPace {
  let quickEnds = 0;
  return {
    delayAfter(servedMs) {
      if (servedMs >= steadyMs) {
        quickEnds = 0;
        return 0;
      }
      quickEnds++;
      return Math.min(longestDelayMs, firstDelayMs * 2 ** (quickEnds - 1));
    },
    isHopeless: () => quickEnds >= mostQuickEnds,
  };
}
