import { createHash } from 'node:crypto';
import { takeHex } from '../core/digest-bytes.ts';
import { type DigestFunction, digestFunctions } from '../core/digest-function.ts';
import { hashBytes } from '../core/packed-digests.ts';

/** Words of a hash that stands as in PackedDigests. */
export const hashWords = hashBytes / 4;

/**
 * Makes a hash what it would be among PackedDigests, in the same memory each time: of hashes that are longer, their SHA-256; shorter ones end with
 * zeros.
 */
export function hashPacker(): (hash: string) => Int32Array {
  const words = new Int32Array(hashWords);
  const bytes = Buffer.from(words.buffer);
  /** Read here: a call of Buffer's for each costs more than its digits. */
  const digits = Buffer.alloc(2 * hashBytes);
  return (hash) => {
    if (hash.length > 2 * hashBytes) {
      createHash('sha256').update(hash).digest().copy(bytes);
      return words;
    }
    for (let at = 0; at < hash.length; at++) digits[at] = hash.charCodeAt(at);
    takeHex(digits, 0, bytes, 0, hash.length / 2);
    if (hash.length < 2 * hashBytes) bytes.fill(0, hash.length / 2);
    return words;
  };
}

/** As a number; none is 0, which stands where nothing was noted yet. */
export function functionIndex(digestFunction: DigestFunction): number {
  return digestFunctions.indexOf(digestFunction) + 1;
}
