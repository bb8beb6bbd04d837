import type { Stats } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import type { PackedDigests } from '../core/packed-digests.ts';
import { functionIndex, hashPacker, hashWords } from './packed-hash.ts';
import { takenMemory } from './taken-memory.ts';

/**
 * Bytes of small blobs that gave their hash: whoever knows that the file is still there, and the same, need not open and
 * read it. That is the caller's: what was evicted or set aside is not known here. Bounded: what was used longest ago goes.
 */
export interface SmallBlobs {
  /** Whatever size the digest says. */
  find(digest: BlobOfHash): SmallBlob | undefined;
  /** The bytes of many, now: of each by its index. */
  bytesOf(digests: PackedDigests): (index: number) => Uint8Array | undefined;
  /** Keeps a copy. `stats` are those of before the bytes were read. */
  keep(digest: BlobOfHash, stats: FileState, bytes: Uint8Array): void;
  forget(digest: BlobOfHash): void;
}

type BlobOfHash = Pick<Digest, 'digestFunction' | 'hash'>;
type FileState = Pick<Stats, 'ino' | 'ctimeMs'>;

/** Bytes as they were in a file; nobody changes them. */
export interface SmallBlob extends FileState {
  readonly bytes: Uint8Array;
}

/** Whether the file has not been touched or written to since the bytes were read. */
export function isOfFile({ bytes, ino, ctimeMs }: SmallBlob, stats: Stats): boolean {
  return bytes.length === stats.size && ino === stats.ino && ctimeMs === stats.ctimeMs;
}

/** Up to so much is read by one call, and kept: of larger ones, reading costs little beside sending. Bytes. */
export const largestKept = 64 * 1024;

/**
 * Blobs are written one behind the other into pieces of memory, each with what is known of it before it: an object of its own for each
 * takes more than a small blob does, and the collector's time. The oldest piece is let go of when there are so many. It is not
 * written to again: who was given a blob of it may still be sending that.
 */
const [pieces, pieceBytes] = [32, 1024 * 1024];
/** What is used in one of this many oldest pieces is written anew, so that it stays. */
const oldPieces = 8;
/** Everything begins at a multiple of it. */
const unit = 8;
const unitsOfPiece = pieceBytes / unit;
/** What stands before the bytes: three numbers, then words, of which the hash is the last ones. */
const [inoAt, ctimeAt, keptAt] = [0, 1, 2];
const [sizeAt, functionAt, hashAt] = [6, 7, 8];
const headBytes = 4 * (hashAt + hashWords);

/** Where blobs are is found by their hashes: of a set, the one that was written longest ago makes room. */
const [sets, ways] = [32_768, 8];

interface Piece {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  /** Bytes from the beginning. */
  used: number;
}

/** `trustMs`: after so long they are read again, and a disk that has changed them without a word to anybody is noticed. */
export function smallBlobs(trustMs: number, now = () => performance.now()): SmallBlobs {
  const kept: Piece[] = [];
  /** The one of them that is written to. */
  let newest = -1;
  /** The second word of each hash. None before there is a blob. */
  let marks = new Int32Array();
  /** Where the blob is, from 1 on; 0 where there is none. */
  let locations = new Int32Array();
  const packed = hashPacker();

  /** How many pieces are newer. */
  function ageOf(location: number): number {
    return (newest - Math.floor((location - 1) / unitsOfPiece) + kept.length) % kept.length;
  }

  function pieceOf(location: number): Piece | undefined {
    return kept[Math.floor((location - 1) / unitsOfPiece)];
  }

  /** Where it is in its piece. Bytes. */
  function offsetOf(location: number): number {
    return ((location - 1) % unitsOfPiece) * unit;
  }

  /** Where in the table the blob is, or -1. `first`: where in `hashes` its hash begins. */
  function placeOf(hashes: Int32Array, first: number, hashedBy: number): number {
    const set = setOf(hashes[first] ?? 0);
    for (let place = set; place < set + ways; place++) {
      const location = locations[place] ?? 0;
      if (location === 0 || marks[place] !== hashes[first + 1]) continue;
      const words = pieceOf(location)?.words;
      const from = offsetOf(location) / 4;
      if (words?.[from + functionAt] !== hashedBy) continue;
      let word = 0;
      while (word < hashWords && words[from + hashAt + word] === hashes[first + word]) word++;
      if (word === hashWords) return place;
    }
    return -1;
  }

  function oldestOf(set: number): number {
    let oldest = set;
    for (let place = set; place < set + ways; place++) {
      const location = locations[place] ?? 0;
      if (location === 0) return place;
      if (ageOf(location) > ageOf(locations[oldest] ?? 0)) oldest = place;
    }
    return oldest;
  }

  /** A piece that has room for so much. */
  function pieceFor(bytes: number): Piece {
    const current = kept[newest];
    if (current !== undefined && current.used + bytes <= pieceBytes) return current;
    const memory = Buffer.allocUnsafeSlow(pieceBytes);
    const piece = {
      bytes: memory,
      words: new Int32Array(memory.buffer),
      numbers: new Float64Array(memory.buffer),
      used: 0,
    };
    newest = (newest + 1) % pieces;
    const oldest = kept[newest];
    if (oldest !== undefined) forgetAllOf(oldest, newest);
    kept[newest] = piece;
    return piece;
  }

  function forgetAllOf({ words, used }: Piece, index: number): void {
    for (let at = 0; at < used; at += lengthOf(words[at / 4 + sizeAt] ?? 0)) {
      const location = index * unitsOfPiece + at / unit + 1;
      const set = setOf(words[at / 4 + hashAt] ?? 0);
      const place = locations.subarray(set, set + ways).indexOf(location);
      if (place !== -1) locations[set + place] = 0;
    }
  }

  function takeTables(): void {
    marks = takenMemory(new Int32Array(sets * ways));
    locations = takenMemory(new Int32Array(sets * ways));
  }

  /** `first`: where in `hashes` its hash begins. */
  function write(
    hashes: Int32Array,
    first: number,
    hashedBy: number,
    { bytes, ino, ctimeMs }: SmallBlob,
    since: number,
  ): number {
    if (kept.length === 0) takeTables();
    const length = lengthOf(bytes.length);
    const piece = pieceFor(length);
    const at = piece.used;
    piece.used += length;
    piece.numbers[at / 8 + inoAt] = ino;
    piece.numbers[at / 8 + ctimeAt] = ctimeMs;
    piece.numbers[at / 8 + keptAt] = since;
    piece.words[at / 4 + sizeAt] = bytes.length;
    piece.words[at / 4 + functionAt] = hashedBy;
    for (let word = 0; word < hashWords; word++)
      piece.words[at / 4 + hashAt + word] = hashes[first + word] ?? 0;
    piece.bytes.set(bytes, at + headBytes);
    const known = placeOf(hashes, first, hashedBy);
    const place = known === -1 ? oldestOf(setOf(hashes[first] ?? 0)) : known;
    marks[place] = hashes[first + 1] ?? 0;
    return (locations[place] = newest * unitsOfPiece + at / unit + 1);
  }

  /** Where the blob is, at this time; 0 where it is not. `first`: where in `hashes` its hash begins. */
  function locationOf(hashes: Int32Array, first: number, hashedBy: number, at: number): number {
    const place = placeOf(hashes, first, hashedBy);
    if (place === -1) return 0;
    const location = locations[place] ?? 0;
    const since = pieceOf(location)?.numbers[offsetOf(location) / 8 + keptAt] ?? 0;
    if (at - since >= trustMs) {
      locations[place] = 0;
      return 0;
    }
    if (ageOf(location) < pieces - oldPieces) return location;
    const found = blobAt(location);
    return found === undefined ? 0 : write(hashes, first, hashedBy, found, since);
  }

  function bytesAt(location: number): Uint8Array | undefined {
    const piece = location === 0 ? undefined : pieceOf(location);
    if (piece === undefined) return undefined;
    const offset = offsetOf(location);
    return new Uint8Array(piece.bytes.buffer, offset + headBytes, piece.words[offset / 4 + sizeAt] ?? 0);
  }

  function blobAt(location: number): SmallBlob | undefined {
    const [bytes, numbers] = [bytesAt(location), pieceOf(location)?.numbers];
    if (bytes === undefined || numbers === undefined) return undefined;
    const offset = offsetOf(location) / 8;
    return { bytes, ino: numbers[offset + inoAt] ?? 0, ctimeMs: numbers[offset + ctimeAt] ?? 0 };
  }

  return {
    find: ({ hash, digestFunction }) =>
      blobAt(locationOf(packed(hash), 0, functionIndex(digestFunction), now())),
    bytesOf({ hashes, digestFunction }) {
      const hashedBy = functionIndex(digestFunction);
      const at = now();
      return (index) => bytesAt(locationOf(hashes, index * hashWords, hashedBy, at));
    },
    keep({ hash, digestFunction }, { ino, ctimeMs }, bytes) {
      if (bytes.length > largestKept) return;
      write(packed(hash), 0, functionIndex(digestFunction), { bytes, ino, ctimeMs }, now());
    },
    forget({ hash, digestFunction }) {
      const place = placeOf(packed(hash), 0, functionIndex(digestFunction));
      if (place !== -1) locations[place] = 0;
    },
  };
}

/** With what stands before the bytes, and so that the next one begins at a unit. */
function lengthOf(size: number): number {
  return headBytes + Math.ceil(size / unit) * unit;
}

/** The first place of the set that a hash with this first word belongs to. */
function setOf(word: number): number {
  return (word & (sets - 1)) * ways;
}
