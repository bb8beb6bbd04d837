import { type Answer, following } from '../core/answer.ts';
import { blobName, type Digest } from '../core/digest.ts';
import type { PackedDigests } from '../core/packed-digests.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { isOfFile, type SmallBlobs } from './small-blobs.ts';

/** Of so many answers from memory one is looked at all the same: where somebody has removed files, it shows. */
const looksEvery = 32;

/**
 * Gives small blobs from memory, or undefined: what is promised for a while needs no look at its file, but for one now and then, and
 * anything else does.
 */
export interface KeptReader {
  /** Errors are those of the look. */
  read(digest: Digest): Answer<Uint8Array | undefined>;
  /** Each of many, without waiting for a look, nor for how it fails: who reads it then sees that. */
  readAllAtOnce(digests: PackedDigests): (Uint8Array | undefined)[];
}

export function keptReader(
  calls: Pick<FileCalls, 'stat'>,
  layout: Layout,
  leases: Pick<Leases, 'rests' | 'restingOf' | 'seenResting'>,
  small: SmallBlobs,
): KeptReader {
  let unlooked = 0;
  const needsNoLook = (rests: boolean) => rests && ++unlooked % looksEvery !== 0;

  function read(digest: Digest): Answer<Uint8Array | undefined> {
    const kept = small.find(digest);
    if (kept?.bytes.length !== digest.sizeBytes) return undefined;
    return needsNoLook(leases.rests(digest)) ? kept.bytes : looked(digest, kept);
  }

  function looked(digest: Digest, kept = small.find(digest)): Answer<Uint8Array | undefined> {
    if (kept === undefined) return undefined;
    return following(calls.stat(layout.blob(blobName(digest))), (stats) => {
      if (stats === undefined || !isOfFile(kept, stats)) {
        small.forget(digest);
        return undefined;
      }
      leases.seenResting(digest, stats);
      return kept.bytes;
    });
  }

  function atOnce(reading: () => Answer<Uint8Array | undefined>): Uint8Array | undefined {
    try {
      const bytes = reading();
      if (!(bytes instanceof Promise)) return bytes;
      bytes.catch(() => {});
    } catch {
      // See KeptReader.
    }
    return undefined;
  }

  return {
    read,
    readAllAtOnce(digests) {
      const rests = leases.restingOf(digests);
      const bytesAt = small.bytesOf(digests);
      const all: (Uint8Array | undefined)[] = [];
      for (let index = 0; index < digests.length; index++) {
        const bytes = bytesAt(index);
        if (bytes === undefined || bytes.length !== digests.sizes[index]) all.push(undefined);
        else if (needsNoLook(rests(index))) all.push(bytes);
        else all.push(atOnce(() => looked(digests.digest(index))));
      }
      return all;
    },
  };
}
