import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import type { PackedDigests } from '../core/packed-digests.ts';
import { functionIndex, hashPacker, hashWords } from './packed-hash.ts';
import { takenMemory } from './taken-memory.ts';

/**
 * What this process has promised lately. A blob that it has seen leased for a while need not be looked at again in
 * that time, and one that is not there although it was promised shows that somebody else removes blobs: then nothing
 * of this is worth anything any more, and all of it is forgotten.
 *
 * Memory is bounded: the oldest promises of a set make room for new ones.
 */
export interface LeaseMemory {
  /** Those of the blobs that have to be looked at; all others are promised once more. */
  renewAll(digests: readonly Digest[]): Digest[];
  /** The same; which of them have to be looked at, and how many others there are, each counted once. */
  renewPacked(digests: PackedDigests): { readonly unknown: readonly number[]; readonly renewed: number };
  /** Whether it need not be looked at now. Promises nothing. */
  rests(digest: Digest): boolean;
  /** The same for one of many, at that time. */
  restsPacked(digests: PackedDigests, index: number, now: number): boolean;
  /** The time by which this is remembered. Milliseconds since some moment. */
  now(): number;
  /** The blob is promised, at that time; for so many milliseconds it need not be looked at again. */
  promised(digest: Digest, restMs: number, now: number): void;
  /** The same for one of many. */
  promisedPacked(digests: PackedDigests, index: number, restMs: number, now: number): void;
  /** The blob is not there. Whether that breaks a promise of this process. */
  isBroken(digest: Digest): boolean;
  isBrokenPacked(digests: PackedDigests, index: number): boolean;
  forgetAll(): void;
  /** Grows whenever all is forgotten: what was learnt before is not to be remembered after. */
  generation(): number;
}

/**
 * Sets of four places, of 68 bytes each: 17 MiB. As few as a process needs that is hardly asked, in 1 MiB, until one of them has no
 * room for a promise; all of the others at once then (ADR 72). Bits of a hash say which set it belongs to.
 */
const [fewSets, manySets] = [4096, 65_536];
const ways = 4;
/** What is known of a blob stands together, as the processor fetches it from memory. Times are those of the clock. */
const [sizeAt, functionAt, promisedUntilAt, restsUntilAt] = [0, 1, 2, 3];
const numbersOfSlot = 4;
/** Parts of a millisecond by which what one call has promised is told from what others have at the same time. */
const parts = 1024;

/**
 * `skips`: whether a promise may be renewed without a look; else promises are only remembered to notice broken ones. `byNeed`: whether
 * memory is taken when there is need of it, and not at the start.
 */
export function leaseMemory(leaseMs: number, elapsed: Clock, skips: boolean, byNeed = false): LeaseMemory {
  let { sets, hashes, marks, numbers } = tableOf(byNeed ? fewSets : manySets);
  const packed = hashPacker();
  let forgotten = 0;
  let calls = 0;

  /** Where the numbers of the blob are, or -1. `words`: its hash. */
  function slotOfOne(words: Int32Array, { sizeBytes, digestFunction }: Digest): number {
    return slotOf(setOf(words[0] ?? 0), words, 0, sizeBytes, functionIndex(digestFunction));
  }

  /** `at`: where in `words` its hash begins. */
  function slotOf(
    set: number,
    words: Int32Array,
    at: number,
    sizeBytes: number,
    digestFunction: number,
  ): number {
    for (let slot = set; slot < set + ways; slot++) {
      if (marks[slot] !== words[at + 1]) continue;
      let word = 0;
      while (word < hashWords && hashes[slot * hashWords + word] === words[at + word]) word++;
      if (word < hashWords) continue;
      const numbersAt = slot * numbersOfSlot;
      if (numbers[numbersAt + sizeAt] === sizeBytes && numbers[numbersAt + functionAt] === digestFunction)
        return numbersAt;
    }
    return -1;
  }

  function promisedUntil(slot: number): number {
    return numbers[slot * numbersOfSlot + promisedUntilAt] ?? 0;
  }

  function oldestIn(set: number): number {
    let oldest = set;
    for (let slot = set + 1; slot < set + ways; slot++)
      if (promisedUntil(slot) < promisedUntil(oldest)) oldest = slot;
    return oldest;
  }

  /** Where a blob with this first word may be written. */
  function placeFor(word: number, now: number): number {
    const oldest = oldestIn(setOf(word));
    if (sets === manySets || promisedUntil(oldest) <= now) return oldest;
    grow(now);
    return oldestIn(setOf(word));
  }

  /** All that is promised finds room: what was in one set is in that or in others now. */
  function grow(now: number): void {
    const old = { hashes, marks, numbers };
    ({ sets, hashes, marks, numbers } = tableOf(manySets));
    for (let from = 0; from < old.marks.length; from++) {
      if ((old.numbers[from * numbersOfSlot + promisedUntilAt] ?? 0) <= now) continue;
      const to = oldestIn(setOf(old.hashes[from * hashWords] ?? 0));
      for (let word = 0; word < hashWords; word++)
        hashes[to * hashWords + word] = old.hashes[from * hashWords + word] ?? 0;
      marks[to] = old.marks[from] ?? 0;
      for (let number = 0; number < numbersOfSlot; number++)
        numbers[to * numbersOfSlot + number] = old.numbers[from * numbersOfSlot + number] ?? 0;
    }
  }

  /** The first slot of the set that a hash with this first word belongs to. */
  function setOf(word: number): number {
    return (word & (sets - 1)) * ways;
  }

  /** `at`: its numbers, or -1; then its hash begins at `from` in `words`. */
  function promise(
    at: number,
    words: Int32Array,
    from: number,
    { sizeBytes, digestFunction }: Pick<Digest, 'sizeBytes' | 'digestFunction'>,
    restMs: number,
    now: number,
  ): void {
    let numbersAt = at;
    if (numbersAt === -1) {
      const slot = placeFor(words[from] ?? 0, now);
      for (let word = 0; word < hashWords; word++) hashes[slot * hashWords + word] = words[from + word] ?? 0;
      marks[slot] = words[from + 1] ?? 0;
      numbersAt = slot * numbersOfSlot;
      numbers[numbersAt + sizeAt] = sizeBytes;
      numbers[numbersAt + functionAt] = functionIndex(digestFunction);
    }
    numbers[numbersAt + promisedUntilAt] = now + leaseMs;
    numbers[numbersAt + restsUntilAt] = skips ? now + restMs : 0;
  }

  function slotOfRow({ hashes: words, sizes, digestFunction }: PackedDigests, index: number): number {
    const from = index * hashWords;
    return slotOf(setOf(words[from] ?? 0), words, from, sizes[index] ?? 0, functionIndex(digestFunction));
  }

  function isPromised(at: number): boolean {
    return at !== -1 && elapsed() < (numbers[at + promisedUntilAt] ?? 0);
  }

  function renew(digest: Digest, now: number): boolean {
    const at = slotOfOne(packed(digest.hash), digest);
    if (at === -1 || now >= (numbers[at + restsUntilAt] ?? 0)) return false;
    numbers[at + promisedUntilAt] = now + leaseMs;
    return true;
  }

  return {
    renewAll(digests) {
      const now = elapsed();
      return digests.filter((digest) => !renew(digest, now));
    },
    renewPacked({ length, hashes: asked, sizes, digestFunction }) {
      const now = elapsed();
      calls = (calls % (parts - 1)) + 1;
      // What has this time already was mentioned before.
      const until = now + leaseMs - calls / parts;
      const functionHere = functionIndex(digestFunction);
      const unknown: number[] = [];
      let renewed = 0;
      for (let index = 0; index < length; index++) {
        const hashAt = index * hashWords;
        const at = slotOf(setOf(asked[hashAt] ?? 0), asked, hashAt, sizes[index] ?? 0, functionHere);
        if (at === -1 || now >= (numbers[at + restsUntilAt] ?? 0)) unknown.push(index);
        else if (numbers[at + promisedUntilAt] !== until) {
          numbers[at + promisedUntilAt] = until;
          renewed++;
        }
      }
      return { unknown, renewed };
    },
    rests(digest) {
      const at = slotOfOne(packed(digest.hash), digest);
      return at !== -1 && elapsed() < (numbers[at + restsUntilAt] ?? 0);
    },
    restsPacked(digests, index, now) {
      const at = slotOfRow(digests, index);
      return at !== -1 && now < (numbers[at + restsUntilAt] ?? 0);
    },
    now: elapsed,
    promised(digest, restMs, now) {
      const words = packed(digest.hash);
      promise(slotOfOne(words, digest), words, 0, digest, restMs, now);
    },
    promisedPacked(digests, index, restMs, now) {
      const { hashes: words, sizes, digestFunction } = digests;
      const blob = { sizeBytes: sizes[index] ?? 0, digestFunction };
      promise(slotOfRow(digests, index), words, index * hashWords, blob, restMs, now);
    },
    isBroken: (digest) => isPromised(slotOfOne(packed(digest.hash), digest)),
    isBrokenPacked: (digests, index) => isPromised(slotOfRow(digests, index)),
    forgetAll() {
      // Sizes and functions say nothing without the times.
      numbers.fill(0);
      forgotten++;
    },
    generation: () => forgotten,
  };
}

function tableOf(sets: number) {
  const slots = sets * ways;
  return {
    sets,
    hashes: takenMemory(new Int32Array(slots * hashWords)),
    /** The second word of each hash once more: what is not here shows in them, which the processor has near. */
    marks: takenMemory(new Int32Array(slots)),
    numbers: takenMemory(new Float64Array(slots * numbersOfSlot)),
  };
}
