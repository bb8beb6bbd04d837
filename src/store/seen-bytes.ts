import type { Stats } from 'node:fs';
import { type BlobName, blobName, type Digest } from '../core/digest.ts';
import { contentIdentity, fileIdentity, KnownFiles } from './integrity.ts';
import type { Leases } from './leases.ts';

/** What this process has seen of the bytes of blobs. Bounded: what is forgotten is looked at again. */
export interface SeenBytes {
  /**
   * Whether the file was read not long ago and gave its hash, and has not been changed since: not its bytes, its
   * size or its times. What a touch changes is looked at again, too: nobody can tell it from a write.
   */
  wereRight(name: BlobName, stats: Stats): boolean;
  /** `stats` are those of before it was read. */
  noteRight(name: BlobName, stats: Stats): void;
  /** Whether this file was read and did not give its hash. Another one of the same name is another matter. */
  wereWrong(name: BlobName, stats: Stats): boolean;
  noteWrong(name: BlobName, stats: Stats): void;
}

const rightRemembered = 100_000;
const wrongRemembered = 10_000;

/** `trustMs`: for how long bytes that were right are right. A disk changes them without a word to anybody. */
export function seenBytes(trustMs: number): SeenBytes {
  const right = new KnownFiles(rightRemembered, trustMs);
  const wrong = new KnownFiles(wrongRemembered);
  return {
    wereRight: (name, stats) => right.has(name, contentIdentity(stats)),
    noteRight(name, stats) {
      wrong.forget(name);
      right.add(name, contentIdentity(stats));
    },
    wereWrong: (name, stats) => wrong.has(name, fileIdentity(stats)),
    noteWrong(name, stats) {
      right.forget(name);
      wrong.add(name, fileIdentity(stats));
    },
  };
}

/**
 * Leases to which a blob whose bytes were wrong is absent, from the moment that somebody has seen it: then a client is told that it is
 * missing, and its upload replaces the file. Nothing has to be moved for that.
 */
export function leasesWithoutWrongBytes(leases: Leases, seen: SeenBytes): Leases {
  const unlessWrong = (name: BlobName, stats: Stats | undefined) =>
    stats !== undefined && seen.wereWrong(name, stats) ? undefined : stats;

  async function touchAll(digests: readonly Digest[], signal?: AbortSignal) {
    const found = await leases.touchAll(digests, signal);
    return digests.map((digest, index) => unlessWrong(blobName(digest), found[index]));
  }

  return {
    ...leases,
    touchAll,
    touch: async (digest) => (await touchAll([digest]))[0],
    touchNamed: async (name) => unlessWrong(name, await leases.touchNamed(name)),
  };
}
