import type { EvictionWatcher } from '../store/eviction.ts';

/** What a pass of eviction has done in a while. */
export interface EvictionSteps {
  readonly looked: number;
  readonly moved: number;
  /** Bytes on disk of what was moved. */
  readonly movedBytes: number;
}

const tellEveryMs = 500;
/** A look at the clock for each file would cost a part of what looking at the file does. */
const clockEvery = 256;

/** Counts, and tells now and then; whatever is left when the pass ends. */
export function steppedWatcher(tell: (steps: EvictionSteps) => void): EvictionWatcher & { end(): void } {
  let steps = { looked: 0, moved: 0, movedBytes: 0 };
  let toldAt = performance.now();

  function tellNow(): void {
    if (steps.looked > 0) tell(steps);
    steps = { looked: 0, moved: 0, movedBytes: 0 };
    toldAt = performance.now();
  }

  return {
    looked() {
      steps.looked++;
      if (steps.looked % clockEvery === 0 && performance.now() - toldAt >= tellEveryMs) tellNow();
    },
    moved(bytes) {
      steps.moved++;
      steps.movedBytes += bytes;
    },
    end: tellNow,
  };
}
