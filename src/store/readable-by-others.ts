import { constants, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Whether any user of the machine may read a file, and enter every folder from it up to the root of the volume.
 * BuildStream's own server leaves files that only their owner may read.
 */
export async function isReadableByOthers(path: string, stats: Stats, root: string): Promise<boolean> {
  if ((stats.mode & constants.S_IROTH) === 0) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & constants.S_IXOTH) === 0) return false;
    if (folder === root || folder === dirname(folder)) return true;
  }
}
