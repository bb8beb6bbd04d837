import { type Digest, digestOf, parseDigest } from './digest.ts';
import type { DigestFunction } from './digest-function.ts';

/** Bytes of the hashes that stand in rows: all of them. Nobody makes two blobs that have half of it in common, but anybody can ask for one. */
export const hashBytes = 32;

/** The digests of a request as they stand in its message: lower-case hex, each of two `hashBytes`. */
export interface DigestRows {
  /** How many there are. */
  readonly length: number;
  /** One behind the other. */
  readonly hashes: Uint8Array;
  /** As the message has them, 0 to Number.MAX_SAFE_INTEGER. */
  readonly sizes: readonly number[];
  hash(index: number): string;
  /** Bytes from the beginning of one to the end of another, in the message, with the tag before each: field 2 of whatever lists digests so. */
  written(first: number, last: number): Uint8Array;
  /** Bytes that writeField() writes. */
  fieldLength(index: number): number;
  /** Writes one as it stands in the message, as a field with this tag; where the next byte goes. */
  writeField(index: number, tag: number, to: Uint8Array, at: number): number;
}

/** Many digests of one digest function, without an object for each. */
export interface PackedDigests {
  readonly length: number;
  readonly digestFunction: DigestFunction;
  /** Each as `hashBytes / 4` words in the order of this machine, one behind the other. */
  readonly hashes: Int32Array;
  /** Of each blob. Bytes. */
  readonly sizes: readonly number[];
  hash(index: number): string;
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
    hashes: new Int32Array(rows.hashes.buffer, rows.hashes.byteOffset, (rows.length * hashBytes) / 4),
    sizes: rows.sizes,
    hash: (index) => rows.hash(index),
    digest: (index) => digestOf(rows.hash(index), rows.sizes[index] ?? 0, hashedBy),
  };
}
