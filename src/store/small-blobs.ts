import type { Stats } from 'node:fs';
import { type BlobName, blobNameParts } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import type { PackedDigests } from '../core/packed-digests.ts';
import { hashPacker, hashWords } from './packed-hash.ts';
import { takenMemory } from './taken-memory.ts';

/**
 * Bytes of small blobs that gave their hash: whoever knows that the file is still there, and the same, need not open and
 * read it. That is the caller's: what was evicted or set aside is not known here. Bounded: what was not used for long goes.
 */
export interface SmallBlobs {
  find(name: BlobName): SmallBlob | undefined;
  /** The same for many, now: finds each by its index. */
  finderOf(digests: PackedDigests): (index: number) => SmallBlob | undefined;
  /** `stats` are those of before the bytes were read. */
  keep(name: BlobName, stats: Stats, bytes: Uint8Array): void;
  forget(name: BlobName): void;
}

/** Bytes as they were in a file; nobody changes them. */
export interface SmallBlob {
  readonly bytes: Uint8Array;
  readonly ino: number;
  readonly ctimeMs: number;
}

/** Whether the file has not been touched or written to since the bytes were read. */
export function isOfFile({ bytes, ino, ctimeMs }: SmallBlob, stats: Stats): boolean {
  return bytes.length === stats.size && ino === stats.ino && ctimeMs === stats.ctimeMs;
}

/** Of all together, with what each takes besides its bytes. Bytes. */
const mostKept = 32 * 1024 * 1024;
const entryBytes = 1024;
/** Up to so much is read by one call, and kept: of larger ones, reading costs little beside sending. Bytes. */
export const largestKept = 64 * 1024;
/** Twice as many places as there can be blobs: few sets are full before the memory is. */
const ways = 4;
const sets = (2 * mostKept) / entryBytes / ways;
const places = sets * ways;

interface Kept extends SmallBlob {
  readonly digestFunction: DigestFunction;
  /** By performance.now(). */
  readonly keptAt: number;
}

/** `trustMs`: after so long they are read again, and a disk that has changed them without a word to anybody is noticed. */
export function smallBlobs(trustMs: number): SmallBlobs {
  /** As rows of digests have them, so that these are looked up as they are. */
  const hashes = takenMemory(new Int32Array(places * hashWords));
  const blobs: (Kept | undefined)[] = Array.from({ length: places });
  /** 1 for each that was used since the hand has passed it. */
  const used = new Uint8Array(places);
  const packed = hashPacker();
  let bytesKept = 0;
  /** Where room is looked for next. */
  let hand = 0;

  /** Where the blob is, or -1. `at`: where in `words` its hash begins. */
  function placeOf(words: Int32Array, at: number, digestFunction: DigestFunction): number {
    const first = firstOfSet(words[at] ?? 0);
    for (let place = first; place < first + ways; place++) {
      let word = 0;
      while (word < hashWords && hashes[place * hashWords + word] === words[at + word]) word++;
      if (word === hashWords && blobs[place]?.digestFunction === digestFunction) return place;
    }
    return -1;
  }

  function blobAt(place: number, now: number): SmallBlob | undefined {
    const kept = blobs[place];
    if (kept === undefined || now - kept.keptAt >= trustMs) return undefined;
    used[place] = 1;
    return kept;
  }

  /** In a set that is full, one that was not used lately, where there is one, makes room. */
  function placeFor(words: Int32Array): number {
    const first = firstOfSet(words[0] ?? 0);
    const set = [...Array(ways).keys()].map((way) => first + way);
    return set.find((place) => blobs[place] === undefined) ?? set.find((place) => used[place] === 0) ?? first;
  }

  function drop(place: number): void {
    const kept = blobs[place];
    if (kept === undefined) return;
    bytesKept -= kept.bytes.length + entryBytes;
    blobs[place] = undefined;
  }

  /** What was used since the hand came by stays until it comes by again. */
  function makeRoom(): void {
    for (; bytesKept > mostKept; hand = (hand + 1) % places) {
      if (used[hand] === 0) drop(hand);
      used[hand] = 0;
    }
  }

  return {
    find(name) {
      const { digestFunction, hash } = blobNameParts(name);
      return blobAt(placeOf(packed(hash), 0, digestFunction), performance.now());
    },
    finderOf({ hashes: words, digestFunction }) {
      const now = performance.now();
      return (index) => blobAt(placeOf(words, index * hashWords, digestFunction), now);
    },
    keep(name, { ino, ctimeMs }, bytes) {
      if (bytes.length > largestKept) return;
      const { digestFunction, hash } = blobNameParts(name);
      const words = packed(hash);
      const known = placeOf(words, 0, digestFunction);
      const place = known === -1 ? placeFor(words) : known;
      drop(place);
      hashes.set(words, place * hashWords);
      blobs[place] = { bytes, ino, ctimeMs, digestFunction, keptAt: performance.now() };
      used[place] = 1;
      bytesKept += bytes.length + entryBytes;
      makeRoom();
    },
    forget(name) {
      const { digestFunction, hash } = blobNameParts(name);
      drop(placeOf(packed(hash), 0, digestFunction));
    },
  };
}

/** The first place of the set that a hash with this first word belongs to. */
function firstOfSet(word: number): number {
  return (word & (sets - 1)) * ways;
}
