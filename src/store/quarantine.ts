import { linkSync, lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BlobName, blobNameParts } from '../core/digest.ts';
import { openUnnoticed } from './durable-file.ts';
import { hashInPieces } from './hashing.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';

/** What a look at a blob's bytes has shown: `damaged` where it was only a look, `quarantined` where it was set aside. */
export type BlobVerdict = 'good' | 'absent' | 'damaged' | 'quarantined';

/**
 * Reads a blob's file and compares its bytes with its name; gives how many bytes each piece had. With `setsAside`
 * a file that does not give its hash is moved to the quarantine, where an operator can look at it; then the
 * blob is missing and an upload heals it. No claim of a client decides anything here. Reading is no use of the
 * blob: its times stay.
 */
export async function* lookAtBlob(
  layout: Layout,
  name: BlobName,
  setsAside: boolean,
): AsyncGenerator<number, BlobVerdict> {
  const path = layout.blob(name);
  const { digestFunction, hash } = blobNameParts(name);
  try {
    const handle = await openUnnoticed(path);
    try {
      const { ino } = await handle.stat();
      if ((yield* hashInPieces(digestFunction, handle)) === hash) return 'good';
      if (!setsAside) return 'damaged';
      return moveUnlessReplaced(path, layout.quarantined(name), ino) ? 'quarantined' : 'good';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw volumeError(error, 'checking a blob');
  }
}

/** The whole look at once; sets aside what is damaged. */
export async function scrubBlob(layout: Layout, name: BlobName, signal?: AbortSignal): Promise<BlobVerdict> {
  const look = lookAtBlob(layout, name, true);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = await look.next();
      if (piece.done === true) return piece.value;
    }
  } finally {
    await look.return('absent');
  }
}

/**
 * Moves a file away unless it is another one by now: a valid upload replaces a bad file. Should another thread
 * or process come between the look and the move, what was moved goes back to its place.
 */
export function moveUnlessReplaced(path: string, target: string, ino: number): boolean {
  mkdirSync(dirname(target), { recursive: true });
  if (lstatSync(path).ino !== ino) return false;
  renameSync(path, target);
  if (lstatSync(target).ino === ino) return true;
  try {
    linkSync(target, path);
  } catch (error) {
    // Yet another has come, which is as good.
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  unlinkSync(target);
  return false;
}
