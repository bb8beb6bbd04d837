import { lstat } from 'node:fs/promises';
import { evictableBlobs, sizeOnDisk } from './evictable.ts';
import { filesBelow } from './folder-walk.ts';
import type { Layout } from './layout.ts';
import { sortedFiles } from './sorted-files.ts';
import type { MeasuredBytes } from './used-bytes.ts';
import { isAbsent } from './volume-error.ts';

/**
 * Bytes on disk of the blobs whose hashes begin with these pairs of digits, of what is on its way, and of all records
 * where that is asked for. Blobs move from tmp to their folders and from there to the trash: looked at in this
 * order, each is seen at least once. Blocks its thread.
 */
export function measureVolume(layout: Layout, prefixes: readonly string[], records: boolean): MeasuredBytes {
  const coming = sizeBelow(layout.temporary);
  const folders = Object.fromEntries(prefixes.map((prefix) => [prefix, sizeOfBlobs(layout, prefix)]));
  const going = sizeBelow(layout.trash) + sizeBelow(layout.quarantine);
  const sum = () => layout.recordRoots.reduce((bytes, root) => bytes + sizeBelow(root), 0);
  return { folders, transit: coming + going, records: records ? sum() : undefined };
}

/** What takes room beside blobs and records. Bytes on disk. */
export interface OtherBytes {
  /** Uploads under way, kept or left over. */
  readonly temporary: number;
  readonly trash: number;
  readonly quarantine: number;
  /** Given up when the volume is full to the last block. */
  readonly ballast: number;
}

/** Measured without holding up its thread. */
export async function measureOthers(layout: Layout): Promise<OtherBytes> {
  const below = async (root: string) => {
    let bytes = 0;
    for await (const { stats } of sortedFiles(root)) bytes += sizeOnDisk(stats);
    return bytes;
  };
  const ballast = await lstat(layout.ballast).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  return {
    temporary: await below(layout.temporary),
    trash: await below(layout.trash),
    quarantine: await below(layout.quarantine),
    ballast: ballast === undefined ? 0 : sizeOnDisk(ballast),
  };
}

function sizeOfBlobs(layout: Layout, prefix: string): number {
  let bytes = 0;
  for (const { stats } of evictableBlobs(layout, prefix)) bytes += sizeOnDisk(stats);
  return bytes;
}

function sizeBelow(root: string): number {
  let bytes = 0;
  for (const { stats } of filesBelow(root)) bytes += sizeOnDisk(stats);
  return bytes;
}
