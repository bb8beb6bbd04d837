import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { type BlobName, blobNameParts } from '../core/digest.ts';
import { openRegular } from './durable-file.ts';
import { hashFile } from './hashing.ts';
import type { Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** What a look at a doubted blob has shown. */
export type ScrubVerdict = 'good' | 'absent' | 'quarantined';

/**
 * Reads a blob's file and compares its bytes with its name. A file that does not give its hash is
 * moved to the quarantine, where an operator can look at it; then the blob is missing and an upload
 * heals it. No claim of a client decides anything here.
 */
export async function scrubBlob(layout: Layout, name: BlobName, signal?: AbortSignal): Promise<ScrubVerdict> {
  const path = layout.blob(name);
  const { digestFunction, hash } = blobNameParts(name);
  try {
    const handle = await openRegular(path);
    try {
      const { ino } = await handle.stat();
      if ((await hashFile(digestFunction, handle, signal)) === hash) return 'good';
      return setAside(path, layout.quarantined(name), ino) ? 'quarantined' : 'good';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw volumeError(error, 'checking a blob');
  }
}

/**
 * Moves the file away unless it is another one by now: a valid upload replaces a bad file. Nothing of this
 * process comes between the look and the move, because both block; should another process have come
 * between, its file goes back to its place.
 */
function setAside(path: string, quarantined: string, ino: number): boolean {
  if (lstatSync(path).ino !== ino) return false;
  renameSync(path, quarantined);
  if (lstatSync(quarantined).ino === ino) return true;
  linkSync(quarantined, path);
  unlinkSync(quarantined);
  return false;
}
