import { lstat, rename } from 'node:fs/promises';
import { openRegular } from './durable-file.ts';
import { hashFile } from './integrity.ts';
import type { Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** What a look at a doubted blob has shown. */
export type ScrubVerdict = 'good' | 'absent' | 'quarantined';

/**
 * Reads a blob's file and compares its bytes with its name. A file that does not give its hash is
 * moved to the quarantine, where an operator can look at it; then the blob is missing and an upload
 * heals it. No claim of a client decides anything here.
 */
export async function scrubBlob(layout: Layout, hash: string, signal?: AbortSignal): Promise<ScrubVerdict> {
  const path = layout.blob(hash);
  try {
    const handle = await openRegular(path);
    try {
      const { ino } = await handle.stat();
      if ((await hashFile(handle, signal)) === hash) return 'good';
      // A valid upload may have replaced the file while it was read: then it is not the one that is bad.
      if ((await lstat(path)).ino !== ino) return 'good';
      await rename(path, layout.quarantined(hash));
      return 'quarantined';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw volumeError(error, 'checking a blob');
  }
}
