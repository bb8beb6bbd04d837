import { blobFiles } from '../store/blob-files.ts';
import { lookForBlob } from '../store/blob-look.ts';
import { blobPrefixes, type Layout } from '../store/layout.ts';
import type { BlobSum } from './blob-owners.ts';

/** Blobs that were last used so long ago. */
export interface AgeUsage extends BlobSum {
  /** Younger than this; Infinity for the last. Milliseconds. */
  readonly underMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const bounds = [hourMs, dayMs, 7 * dayMs, 30 * dayMs, 90 * dayMs, 365 * dayMs, Number.POSITIVE_INFINITY];

/** Adds up the blobs of a volume by how long ago each was last used; in constant memory, and without a trace. */
export async function measureByAge(
  layout: Layout,
  now: number,
  signal: AbortSignal,
  onPart: (part: number) => void = () => {},
): Promise<readonly AgeUsage[]> {
  const sums = bounds.map((underMs) => ({ underMs, blobs: 0, bytes: 0, diskBytes: 0 }));
  for (const [index, prefix] of blobPrefixes.entries()) {
    onPart(index / blobPrefixes.length);
    for await (const { name } of blobFiles(layout, prefix)) {
      signal.throwIfAborted();
      if (name === undefined) continue;
      const { place, fileBytes, diskBytes, usedAtMs } = await lookForBlob(layout, name, undefined);
      const sum = sums.find(({ underMs }) => now - usedAtMs < underMs);
      if (place !== 'present' || sum === undefined) continue;
      sum.blobs++;
      sum.bytes += fileBytes;
      sum.diskBytes += diskBytes;
    }
  }
  return sums;
}
