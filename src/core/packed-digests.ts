import { type Digest, digestOf, parseDigest } from './digest.ts';
import type { DigestFunction } from './digest-function.ts';

/** So many bytes tell hashes apart: nobody makes another blob that has them in common. */
export const headBytes = 16;

/** The digests of a request as they stand in its message: lower-case hex, all of one length of at least two `headBytes`. */
export interface DigestRows {
  /** How many there are. */
  readonly length: number;
  /** The first bytes of each hash, one behind the other. */
  readonly heads: Uint8Array;
  /** As the message has them, 0 to Number.MAX_SAFE_INTEGER. */
  readonly sizes: readonly number[];
  hash(index: number): string;
}

/** Many digests of one digest function, without an object for each. */
export interface PackedDigests {
  readonly length: number;
  readonly digestFunction: DigestFunction;
  /** The first bytes of each hash as `headBytes / 4` words in the order of this machine, one behind the other. */
  readonly heads: Int32Array;
  /** Of each blob. Bytes. */
  readonly sizes: readonly number[];
  digest(index: number): Digest;
}

/** Checks rows as parseDigest() does each of them; throws the same. There is at least one. */
export function packedDigests(rows: DigestRows, digestFunction: DigestFunction | undefined): PackedDigests {
  const first = { hash: rows.hash(0), sizeBytes: BigInt(rows.sizes[0] ?? 0), isLowerHex: true as const };
  // They are all as long as the first.
  const hashedBy = parseDigest(first, digestFunction).digestFunction;
  return {
    length: rows.length,
    digestFunction: hashedBy,
    heads: new Int32Array(rows.heads.buffer, rows.heads.byteOffset, (rows.length * headBytes) / 4),
    sizes: rows.sizes,
    digest: (index) => digestOf(rows.hash(index), rows.sizes[index] ?? 0, hashedBy),
  };
}
