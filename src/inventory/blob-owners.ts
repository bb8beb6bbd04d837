import type { Digest } from '../core/digest.ts';
import { digestTable, type SeenDigests } from './digest-table.ts';
import type { HashedBlob } from './digest-table.ts';
import type { SeenBlobs } from './reached-blobs.ts';

/** Blobs, each counted once. */
export interface BlobSum {
  readonly blobs: number;
  readonly bytes: number;
  readonly diskBytes: number;
}

/**
 * Which groups lead to which blobs: some 24 bytes for each blob and each directory, and a bit for each group in
 * each combination of groups that has a blob. No more than 65,000 groups are told apart.
 */
export interface BlobOwners {
  /** What a walk for a group leaves out; what is in it already becomes the group's too. */
  seenBy(group: string): SeenBlobs;
  /** The same, for a group that takes only what no other has. */
  leftFor(group: string): SeenBlobs;
  /** A blob that a walk for the group has found. */
  found(group: string, digest: Digest, diskBytes: number): void;
  isReached(blob: HashedBlob): boolean;
  /** What a group leads to, and what of that no other does. */
  of(group: string): { readonly reachable: BlobSum; readonly own: BlobSum };
  /** What several lead to. */
  shared(): BlobSum;
}

interface Sum {
  blobs: number;
  bytes: number;
  diskBytes: number;
}

/** Groups that lead to the same blobs, and how much these are. */
interface Combination extends Sum {
  /** A bit for each. */
  readonly groups: Uint8Array;
}

const blockBytes = 512;

export function blobOwners(): BlobOwners {
  const blobs = digestTable();
  const directories = digestTable();
  const numbers = new Map<string, number>();
  const combinations: Combination[] = [];
  const known = new Map<string, number>();
  const joined = new Map<number, number>();

  function numberOf(group: string): number {
    const number = numbers.get(group) ?? numbers.size;
    numbers.set(group, number);
    return number;
  }

  /** The combination with one more group in it. */
  function joinedBy(combination: number | undefined, group: number): number {
    // Of one group's own combination the key is negative.
    const key = combination === undefined ? -1 - group : combination * 65_536 + group;
    const before = joined.get(key);
    if (before !== undefined) return before;
    const old = combination === undefined ? undefined : combinations[combination]?.groups;
    const groups = new Uint8Array(Math.max(old?.length ?? 0, (group >> 3) + 1));
    if (old !== undefined) groups.set(old);
    groups[group >> 3] = (groups[group >> 3] ?? 0) | (1 << (group & 7));
    const text = Buffer.from(groups).toString('latin1');
    const same = known.get(text) ?? combinations.length;
    if (same === combinations.length) combinations.push({ groups, blobs: 0, bytes: 0, diskBytes: 0 });
    known.set(text, same);
    joined.set(key, same);
    return same;
  }

  function count(combination: number, { sizeBytes }: Digest, diskBytes: number, sign: 1 | -1): void {
    const sum = combinations[combination];
    if (sum === undefined) return;
    sum.blobs += sign;
    sum.bytes += sign * sizeBytes;
    sum.diskBytes += sign * diskBytes;
  }

  /** False when the group has not found it yet. */
  function own(digest: Digest, group: number): boolean {
    const slot = blobs.get(digest);
    if (slot === undefined) return false;
    const next = joinedBy(slot.value, group);
    if (next === slot.value) return true;
    count(slot.value, digest, slot.blocks * blockBytes, -1);
    count(next, digest, slot.blocks * blockBytes, 1);
    blobs.set(digest, { value: next, blocks: slot.blocks });
    return true;
  }

  function walkedBy(group: number, joins: boolean): SeenDigests {
    return {
      get size() {
        return directories.size;
      },
      add(digest) {
        const slot = directories.get(digest);
        if (slot !== undefined && !joins) return false;
        const next = joinedBy(slot?.value, group);
        if (next === slot?.value) return false;
        directories.set(digest, { value: next, blocks: 0 });
        return true;
      },
    };
  }

  function seen(group: number, joins: boolean): SeenBlobs {
    const isKnown = (digest: Digest) => (joins ? own(digest, group) : blobs.get(digest) !== undefined);
    return {
      blobs: {
        get size() {
          return blobs.size;
        },
        add: (digest) => !isKnown(digest),
      },
      directories: walkedBy(group, joins),
    };
  }

  return {
    seenBy: (group) => seen(numberOf(group), true),
    leftFor: (group) => seen(numberOf(group), false),
    found(group, digest, diskBytes) {
      const number = numberOf(group);
      if (own(digest, number)) return;
      const combination = joinedBy(undefined, number);
      blobs.set(digest, { value: combination, blocks: Math.ceil(diskBytes / blockBytes) });
      count(combination, digest, diskBytes, 1);
    },
    isReached: (blob) => blobs.get(blob) !== undefined,
    of(group) {
      const number = numberOf(group);
      const has = ({ groups }: Combination) => ((groups[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
      const having = combinations.filter(has);
      return { reachable: total(having), own: total(having.filter(isAlone)) };
    },
    shared: () => total(combinations.filter((combination) => !isAlone(combination))),
  };
}

function isAlone({ groups }: Combination): boolean {
  let bits = 0;
  for (const byte of groups) for (let rest = byte; rest !== 0; rest &= rest - 1) bits++;
  return bits === 1;
}

function total(sums: readonly Sum[]): BlobSum {
  const sum = { blobs: 0, bytes: 0, diskBytes: 0 };
  for (const { blobs, bytes, diskBytes } of sums) {
    sum.blobs += blobs;
    sum.bytes += bytes;
    sum.diskBytes += diskBytes;
  }
  return sum;
}
