/** Of all readings together, what is read ahead of their consumers. Bytes. */
const together = 32 * 1024 * 1024;
const largest = 1024 * 1024;
const smallest = 64 * 1024;
let readings = 0;

/** Counts a reading; the function says that it has ended. */
export function readingBegun(): () => void {
  readings++;
  return () => readings--;
}

/** How large the next chunk of a reading is: the more readings there are, whose consumers may all stand still, the smaller. */
export function chunkBytesNow(): number {
  const part = Math.floor(together / Math.max(1, readings) / smallest) * smallest;
  return Math.min(largest, Math.max(smallest, part));
}
