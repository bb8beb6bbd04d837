/**
 * The same array, whose memory the process has from now on: the kernel gives pages when they are first written to, and
 * a table that fills in the course of days would look like a leak until then.
 */
export function takenMemory<T extends Int32Array | Float64Array>(array: T): T {
  array.fill(0);
  return array;
}
