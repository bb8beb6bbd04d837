import { type Answer, following } from '../core/answer.ts';
import { blobName, type Digest } from '../core/digest.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { isOfFile, type SmallBlobs } from './small-blobs.ts';

/** Of so many answers from memory one is looked at all the same: where somebody has removed files, it shows. */
const looksEvery = 32;

/**
 * Gives small blobs from memory, or undefined: what is promised for a while needs no look at its file, but for one now and then, and
 * anything else does. Errors are those of that look.
 */
export function keptReader(
  calls: Pick<FileCalls, 'stat'>,
  layout: Layout,
  leases: Pick<Leases, 'rests' | 'seenResting'>,
  small: SmallBlobs,
): (digest: Digest) => Answer<Uint8Array | undefined> {
  let unlooked = 0;
  return (digest) => {
    const name = blobName(digest);
    const kept = small.find(name);
    if (kept?.bytes.length !== digest.sizeBytes) return undefined;
    if (leases.rests(digest) && ++unlooked % looksEvery !== 0) return kept.bytes;
    return following(calls.stat(layout.blob(name)), (stats) => {
      if (stats === undefined || !isOfFile(kept, stats)) {
        small.forget(name);
        return undefined;
      }
      leases.seenResting(digest, stats);
      return kept.bytes;
    });
  };
}
