/**
 * How much a test of a promise does. `npm test` shows that the test works and that the promise holds for a while;
 * `npm run test:long` does as much as the promise asks for.
 *
 * WEIR_TEST_SIZE=long: the large sizes. WEIR_TEST_SEED: where random choices start; the same seed makes the same choices.
 */
const isLong = process.env['WEIR_TEST_SIZE'] === 'long';
/** Where random choices start. */
export const seed = Number(process.env['WEIR_TEST_SEED'] ?? 20261129);

/** The size to use now, of the two. */
export function sized<T>(sizes: { short: T; long: T }): T {
  return isLong ? sizes.long : sizes.short;
}

/** Numbers from 0 to 1 that are the same for the same seed (splitmix32); `stream` keeps several users of one seed apart. */
export function seededRandom(stream = 0): () => number {
  let state = (seed ^ (stream * 0x9e3779b9)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Prints what was seen, with what is needed to see it again. */
export function figure(t: { diagnostic(message: string): void }, figures: Record<string, unknown>): void {
  t.diagnostic(JSON.stringify({ seed, size: isLong ? 'long' : 'short', ...figures }));
}
