import type { Chunker } from '../../src/core/chunker.ts';

/** Bytes that every language makes alike: the top byte of each step of a 32-bit xorshift (13, 17, 5). */
export function xorshiftBytes(seed: number, size: number): Uint8Array {
  let state = seed;
  return new Uint8Array(size).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 24;
  });
}

/** Lengths of all chunks, when the bytes come in pieces of these sizes (and the rest at once). */
export function chunkLengths(chunker: Chunker, bytes: Uint8Array, pieces: readonly number[] = []): number[] {
  const lengths: number[] = [];
  let at = 0;
  for (const size of [...pieces, bytes.length]) {
    lengths.push(...chunker.next(bytes.subarray(at, at + size)));
    at += size;
  }
  return lengths;
}
