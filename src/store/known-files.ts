import type { Stats } from 'node:fs';
import { type BlobName, blobNameParts } from '../core/digest.ts';
import { takenMemory } from './taken-memory.ts';

/** What tells a file from others of its name: numbers of its inode. */
export type FileIdentity = readonly number[];

/** Tells a file from a later one of the same name. Touching a file changes its times, not this. */
export function fileIdentity({ ino, birthtimeMs }: Stats): FileIdentity {
  return [ino, birthtimeMs];
}

/** Tells a file from itself after any change: a write, a truncation, a touch, a new link. Only rot on the disk leaves it as it is. */
export function contentIdentity({ ino, birthtimeMs, size, ctimeMs }: Stats): FileIdentity {
  return [ino, birthtimeMs, size, ctimeMs];
}

/** A fact about files that stays true as long as the file of a name is the same one. What is forgotten is found out anew. */
export interface KnownFiles {
  has(name: BlobName, identity: FileIdentity): boolean;
  add(name: BlobName, identity: FileIdentity): void;
  forget(name: BlobName): void;
}

const ways = 4;
/** Of a hash: of two files that are here, none have so much in common. */
const headBytes = 16;
const headWords = headBytes / 4;

/**
 * Memory is the same from the first file on, and none before: `sets` (a power of two) of four places, each of 24 bytes and 8
 * for each of the `numbers` of an identity. Of a set, what was added longest ago makes room. After `trustMs` milliseconds
 * all is forgotten.
 */
export function knownFiles(sets: number, numbers: 2 | 4, trustMs = Number.POSITIVE_INFINITY): KnownFiles {
  const places = sets * ways;
  let heads = new Int32Array();
  let identities = new Float64Array();
  /** By performance.now(); 0 where nothing is. */
  let addedAt = new Float64Array();
  const wanted = new Int32Array(headWords);
  const wantedBytes = Buffer.from(wanted.buffer);
  /** As the table of damaged files almost always is, which is asked about each blob that is looked at. */
  let isEmpty = true;

  function takeMemory(): void {
    heads = takenMemory(new Int32Array(places * headWords));
    identities = takenMemory(new Float64Array(places * numbers));
    addedAt = takenMemory(new Float64Array(places));
    isEmpty = false;
  }

  /** Leaves the head of the name's hash in `wanted`; the first place of the set that it belongs to. */
  function setOf(name: BlobName): number {
    wantedBytes.write(blobNameParts(name).hash, 0, headBytes, 'hex');
    return ((wanted[0] ?? 0) & (sets - 1)) * ways;
  }

  /** After setOf(): where the name is, or -1. */
  function placeIn(set: number): number {
    for (let place = set; place < set + ways; place++) {
      if (addedAt[place] === 0) continue;
      let word = 0;
      while (word < headWords && heads[place * headWords + word] === wanted[word]) word++;
      if (word === headWords) return place;
    }
    return -1;
  }

  function oldestIn(set: number): number {
    let oldest = set;
    for (let place = set + 1; place < set + ways; place++)
      if ((addedAt[place] ?? 0) < (addedAt[oldest] ?? 0)) oldest = place;
    return oldest;
  }

  return {
    has(name, identity) {
      if (isEmpty) return false;
      const place = placeIn(setOf(name));
      if (place === -1 || performance.now() - (addedAt[place] ?? 0) >= trustMs) return false;
      return identity.every((number, index) => identities[place * numbers + index] === number);
    },
    add(name, identity) {
      if (isEmpty) takeMemory();
      const set = setOf(name);
      const known = placeIn(set);
      const place = known === -1 ? oldestIn(set) : known;
      heads.set(wanted, place * headWords);
      identities.set(identity, place * numbers);
      addedAt[place] = performance.now();
    },
    forget(name) {
      if (isEmpty) return;
      const place = placeIn(setOf(name));
      if (place !== -1) addedAt[place] = 0;
    },
  };
}
