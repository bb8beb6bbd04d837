import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';

/**
 * What this process has promised lately. A blob that it has seen leased for a while need not be looked at again in
 * that time, and one that is not there although it was promised shows that somebody else removes blobs: then nothing
 * of this is worth anything any more, and all of it is forgotten.
 *
 * Memory is the same at any number of blobs: the oldest promises of a set make room for new ones.
 */
export interface LeaseMemory {
  /** Whether the blob need not be looked at to promise it once more; it is promised then. */
  renew(digest: Digest): boolean;
  /** The blob is promised now; for so many milliseconds it need not be looked at again. */
  promised(digest: Digest, restMs: number): void;
  /** The blob is not there. Whether that breaks a promise of this process. */
  isBroken(digest: Digest): boolean;
  forgetAll(): void;
  /** Grows whenever all is forgotten: what was learnt before is not to be remembered after. */
  generation(): number;
}

/** Of 256 Ki blobs, with 41 bytes each. Two bytes of a hash say which set it belongs to. */
const sets = 65_536;
const ways = 4;
const hashWords = 4;
const digitsOfWord = 8;

/** `skips`: whether a promise may be renewed without a look; else promises are only remembered to notice broken ones. */
export function leaseMemory(leaseMs: number, elapsed: Clock, skips: boolean): LeaseMemory {
  const slots = sets * ways;
  /** The first 16 bytes of each hash: nobody makes another blob that has them in common. */
  const hashes = new Int32Array(slots * hashWords);
  const sizes = new Float64Array(slots);
  const functions = new Uint8Array(slots);
  const promisedUntil = new Float64Array(slots);
  const restsUntil = new Float64Array(slots);
  const wanted = new Int32Array(hashWords);
  let forgotten = 0;

  /** Leaves the hash in `wanted`; the first slot of the set that it belongs to. */
  function setOf({ hash }: Digest): number {
    for (let word = 0; word < hashWords; word++) wanted[word] = wordAt(hash, word * digitsOfWord);
    return ((wanted[0] ?? 0) & (sets - 1)) * ways;
  }

  /** After setOf(): the slot that holds the blob, or -1. */
  function slotIn(set: number, { sizeBytes, digestFunction }: Digest): number {
    const functionIndex = digestFunctions.indexOf(digestFunction);
    for (let slot = set; slot < set + ways; slot++) {
      if (sizes[slot] !== sizeBytes || functions[slot] !== functionIndex) continue;
      let word = 0;
      while (word < hashWords && hashes[slot * hashWords + word] === wanted[word]) word++;
      if (word === hashWords) return slot;
    }
    return -1;
  }

  function oldestIn(set: number): number {
    let oldest = set;
    for (let slot = set + 1; slot < set + ways; slot++)
      if ((promisedUntil[slot] ?? 0) < (promisedUntil[oldest] ?? 0)) oldest = slot;
    return oldest;
  }

  return {
    renew(digest) {
      const slot = slotIn(setOf(digest), digest);
      if (slot === -1) return false;
      const now = elapsed();
      if (now >= (restsUntil[slot] ?? 0)) return false;
      promisedUntil[slot] = now + leaseMs;
      return true;
    },
    promised(digest, restMs) {
      const set = setOf(digest);
      let slot = slotIn(set, digest);
      if (slot === -1) {
        slot = oldestIn(set);
        hashes.set(wanted, slot * hashWords);
        sizes[slot] = digest.sizeBytes;
        functions[slot] = digestFunctions.indexOf(digest.digestFunction);
      }
      const now = elapsed();
      promisedUntil[slot] = now + leaseMs;
      restsUntil[slot] = skips ? now + restMs : 0;
    },
    isBroken(digest) {
      const slot = slotIn(setOf(digest), digest);
      return slot !== -1 && elapsed() < (promisedUntil[slot] ?? 0);
    },
    forgetAll() {
      promisedUntil.fill(0);
      restsUntil.fill(0);
      forgotten++;
    },
    generation: () => forgotten,
  };
}

/** Eight hex digits as a number. */
function wordAt(hash: string, at: number): number {
  let value = 0;
  for (let index = at; index < at + digitsOfWord; index++) {
    const code = hash.charCodeAt(index);
    value = (value << 4) | (code - (code > 57 ? 87 : 48));
  }
  return value;
}
