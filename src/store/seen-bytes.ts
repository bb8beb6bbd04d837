import type { Stats } from 'node:fs';
import type { BlobName } from '../core/digest.ts';
import { contentIdentity, type FileIdentity, fileIdentity, knownFiles } from './known-files.ts';

/** What this process has seen of the bytes of blobs. Bounded: what is forgotten is looked at again. */
export interface SeenBytes {
  /**
   * Whether the file was read not long ago and gave its hash, and has not been changed since: not its bytes, its
   * size or its times. What a touch changes is looked at again, too: nobody can tell it from a write.
   */
  wereRight(name: BlobName, stats: Stats): boolean;
  /** `stats` are those of before it was read. */
  noteRight(name: BlobName, stats: Stats): void;
  /** Another process of this server has noted that of a file; `identity` is what it was told. */
  learnRight(name: BlobName, identity: FileIdentity): void;
  /** Whether this file was read and did not give its hash. Another one of the same name is another matter. */
  wereWrong(name: BlobName, stats: Stats): boolean;
  noteWrong(name: BlobName, stats: Stats): void;
}

/** 32 Ki large blobs in 1.8 MiB, and 8 Ki damaged ones in 320 KiB. */
const rightSets = 8192;
const wrongSets = 2048;

/**
 * `trustMs`: for how long bytes that were right are right. A disk changes them without a word to anybody. `onRight` hears of what is noted
 * here, for learnRight().
 */
export function seenBytes(
  trustMs: number,
  onRight: (name: BlobName, identity: FileIdentity) => void = () => {},
): SeenBytes {
  const right = knownFiles(rightSets, 4, trustMs);
  const wrong = knownFiles(wrongSets, 2);
  return {
    wereRight: (name, stats) => right.has(name, contentIdentity(stats)),
    noteRight(name, stats) {
      wrong.forget(name);
      right.add(name, contentIdentity(stats));
      onRight(name, contentIdentity(stats));
    },
    learnRight: (name, identity) => right.add(name, identity),
    wereWrong: (name, stats) => wrong.has(name, fileIdentity(stats)),
    noteWrong(name, stats) {
      right.forget(name);
      wrong.add(name, fileIdentity(stats));
    },
  };
}
