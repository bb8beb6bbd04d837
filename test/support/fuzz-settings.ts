/**
 * FUZZ_SEED: where the random values start; the same seed gives the same values.
 * FUZZ_RUNS: how much is tried, in percent of what fits into a test run of everybody.
 */
const seed = Number(process.env['FUZZ_SEED'] ?? 20260801);
const percent = Number(process.env['FUZZ_RUNS'] ?? 100);

console.log(`fuzzing with FUZZ_SEED=${seed} FUZZ_RUNS=${percent}`);

/** Parameters of fast-check for a property that is tried so often by default. */
export function tries(numRuns: number): { seed: number; numRuns: number; endOnFailure: boolean } {
  // Shrinking against a server takes long, and a seed repeats a failure as well.
  return { seed, numRuns: Math.max(1, Math.ceil((numRuns * percent) / 100)), endOnFailure: true };
}
