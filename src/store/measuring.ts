import { evictableBlobs, sizeOnDisk } from './evictable.ts';
import { filesBelow } from './folder-walk.ts';
import type { Layout } from './layout.ts';

/** Bytes on disk of all blobs whose hashes begin with these two digits. Blocks its thread. */
export function measureBlobs(layout: Layout, prefix: string): number {
  let bytes = 0;
  for (const { stats } of evictableBlobs(layout, prefix)) bytes += sizeOnDisk(stats);
  return bytes;
}

/**
 * Bytes on disk of everything else that is there because of clients: records, what is on its way in or out,
 * and what was set aside. Blocks its thread.
 */
export function measureRest(layout: Layout): number {
  let bytes = 0;
  for (const root of [...layout.recordRoots, layout.trash, layout.temporary, layout.quarantine]) {
    for (const { stats } of filesBelow(root)) bytes += sizeOnDisk(stats);
  }
  return bytes;
}
