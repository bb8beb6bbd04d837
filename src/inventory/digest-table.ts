import type { Digest } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';

/**
 * A number and a count of disk blocks for each of many blobs, by hash, in 24 bytes a slot: a million blobs take 50 MB, and
 * for a moment 75 MB while the table grows. Half of a hash tells them apart: among 2^40 blobs the odds of two that look alike
 * are one in 10^14.
 */
export interface DigestTable {
  readonly size: number;
  /** Undefined for a blob that is not in it. */
  get(blob: HashedBlob): DigestSlot | undefined;
  set(blob: HashedBlob, slot: DigestSlot): void;
}

export type HashedBlob = Pick<Digest, 'digestFunction' | 'hash'>;

export interface DigestSlot {
  /** 0 to 2^32 - 2. */
  readonly value: number;
  /** Of 512 bytes. */
  readonly blocks: number;
}

/** Digests that were seen. */
export interface SeenDigests {
  readonly size: number;
  /** False for one that is in it already. The same hash with another size is another digest. */
  add(digest: Digest): boolean;
}

const keyWords = 4;
const mostFilled = 0.75;
const firstSlots = 1024;

export function digestTable(): DigestTable {
  let slots = 0;
  let keys = new Uint32Array(0);
  let values = new Uint32Array(0);
  let blocks = new Uint32Array(0);
  let size = 0;
  const key = new Uint32Array(keyWords);

  /** The slot of the key, or the free one where it belongs. */
  function find(): number {
    let slot = (key[0] ?? 0) & (slots - 1);
    for (;;) {
      if (values[slot] === 0) return slot;
      const at = slot * keyWords;
      if (
        keys[at] === key[0] &&
        keys[at + 1] === key[1] &&
        keys[at + 2] === key[2] &&
        keys[at + 3] === key[3]
      )
        return slot;
      slot = (slot + 1) & (slots - 1);
    }
  }

  function grow(): void {
    const [oldKeys, oldValues, oldBlocks, oldSlots] = [keys, values, blocks, slots];
    slots = Math.max(firstSlots, slots * 2);
    keys = new Uint32Array(slots * keyWords);
    values = new Uint32Array(slots);
    blocks = new Uint32Array(slots);
    for (let slot = 0; slot < oldSlots; slot++) {
      if (oldValues[slot] === 0) continue;
      key.set(oldKeys.subarray(slot * keyWords, (slot + 1) * keyWords));
      put(find(), oldValues[slot] ?? 0, oldBlocks[slot] ?? 0);
    }
  }

  function put(slot: number, value: number, count: number): void {
    keys.set(key, slot * keyWords);
    values[slot] = value;
    blocks[slot] = count;
  }

  return {
    get size() {
      return size;
    },
    get(blob) {
      if (size === 0) return undefined;
      toKey(blob, key);
      const slot = find();
      const value = values[slot] ?? 0;
      return value === 0 ? undefined : { value: value - 1, blocks: blocks[slot] ?? 0 };
    },
    set(blob, { value, blocks: count }) {
      if (size >= slots * mostFilled) grow();
      toKey(blob, key);
      const slot = find();
      if (values[slot] === 0) size++;
      put(slot, value + 1, count);
    },
  };
}

/** In 24 bytes a slot, like the table. */
export function seenDigests(): SeenDigests {
  const table = digestTable();
  return {
    get size() {
      return table.size;
    },
    add(digest) {
      // The size stands in the first digits, where whoever made it up cannot do more than hide a wrong size.
      const mixed = (Number.parseInt(digest.hash.slice(0, 8), 16) ^ digest.sizeBytes) >>> 0;
      const hash = mixed.toString(16).padStart(8, '0') + digest.hash.slice(8);
      const blob = { digestFunction: digest.digestFunction, hash };
      if (table.get(blob) !== undefined) return false;
      table.set(blob, { value: 0, blocks: 0 });
      return true;
    },
  };
}

/** Hashes are uniform already: their digits are the key. */
function toKey({ digestFunction, hash }: HashedBlob, key: Uint32Array): void {
  for (let word = 0; word < keyWords; word++)
    key[word] = Number.parseInt(hash.slice(word * 8, (word + 1) * 8), 16);
  // Two functions never give the same, except to somebody who made it up.
  key[1] = (key[1] ?? 0) ^ digestFunctions.indexOf(digestFunction);
}
