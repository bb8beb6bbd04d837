import type { Digest } from '../core/digest.ts';
import { discard, linkUnlessPresent, renameOver } from './durable-file.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';

/**
 * Makes a verified temporary file the blob's file, and takes the temporary name away.
 *
 * Linking comes first, because it never replaces: the file that is there may already be on disk and
 * reached by a reference, while ours is still only in memory and a power cut would lose both. Only a
 * file of the wrong size is renamed over.
 */
export async function publishBlob(
  layout: Layout,
  leases: Leases,
  temporary: string,
  digest: Digest,
): Promise<void> {
  const target = layout.blob(digest.hash);
  if (!(await linkUnlessPresent(temporary, target))) {
    const present = await leases.touch(digest);
    if (present === undefined) await renameOver(temporary, target);
  }
  await discard(temporary);
}
