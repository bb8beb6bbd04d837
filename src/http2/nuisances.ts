import { nuisances } from './limits.ts';

/** Counts what only a hostile client does often; the function says whether it is too much. */
export function nuisanceCount(): () => boolean {
  let left = nuisances.burst;
  let countedAt = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(nuisances.burst, left + ((now - countedAt) / 1000) * nuisances.perSecond);
    countedAt = now;
    return --left < 0;
  };
}
