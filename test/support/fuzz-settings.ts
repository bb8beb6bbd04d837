import { seed, sized } from './promise-size.ts';

/** A long run tries so many times as much as `npm test`. */
const longer = 10;

/** Parameters of fast-check for a property that is tried so often by default; the same seed gives the same values. */
export function tries(numRuns: number): { seed: number; numRuns: number; endOnFailure: boolean } {
  // Shrinking against a server takes long, and a seed repeats a failure as well.
  return { seed, numRuns: sized({ short: numRuns, long: numRuns * longer }), endOnFailure: true };
}
