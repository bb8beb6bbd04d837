import { linkSync, lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { type BlobName, blobNameParts, parseBlobName } from '../core/digest.ts';
import { entriesIn } from './blob-files.ts';
import { discard, openUnnoticed } from './durable-file.ts';
import type { FileCalls } from './file-calls.ts';
import { hashInPieces, hashOf } from './hashing.ts';
import type { Layout } from './layout.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';

/** What a look at a blob's bytes has shown: `damaged` where it was only a look, `quarantined` where it was set aside. */
export type BlobVerdict = 'good' | 'absent' | 'damaged' | 'quarantined';

/** Of a larger file, opening it is little beside reading it. */
const smallBytes = 64 * 1024;

/**
 * Reads a blob's file and compares its bytes with its name; gives how many bytes each piece had. With `setsAside`
 * a file that does not give its hash is moved to the quarantine, where an operator can look at it; then the
 * blob is missing and an upload heals it. No claim of a client decides anything here. Reading is no use of the
 * blob: its times stay. With `calls`, a small one is read by them.
 */
export async function* lookAtBlob(
  layout: Layout,
  name: BlobName,
  setsAside: boolean,
  calls?: Pick<FileCalls, 'readUnnoticed'>,
): AsyncGenerator<number, BlobVerdict> {
  const path = layout.blob(name);
  const { digestFunction, hash } = blobNameParts(name);
  try {
    const bytes = (await calls?.readUnnoticed(path, smallBytes))?.bytes;
    if (bytes !== undefined) {
      yield bytes.length;
      if (hashOf(digestFunction, bytes) === hash) return 'good';
    }
    const { handle, stats } = await openUnnoticed(path);
    try {
      if ((yield* hashInPieces(digestFunction, handle, stats.size)) === hash) return 'good';
      if (!setsAside) return 'damaged';
      return moveUnlessReplaced(path, layout.quarantined(name), stats.ino) ? 'quarantined' : 'good';
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

/** How much may be in the quarantine, and for how long. */
export interface QuarantineBounds {
  /** Since it was set aside. Milliseconds. */
  readonly ageMs: number;
  /** On disk; of more than that, what came first goes first. */
  readonly bytes: number;
}

interface SetAside {
  readonly path: string;
  readonly bytes: number;
  /** When it was moved: that changes its ctime. */
  readonly since: number;
}

/** No more files than these are kept, so that a look at them stays cheap. */
const mostSetAside = 10_000;

/** Removes what is too old or too much. Returns how much that was. */
export async function emptyQuarantine(
  layout: Layout,
  bounds: QuarantineBounds,
  clock: Clock,
): Promise<{ blobs: number; bytes: number }> {
  const removed = { blobs: 0, bytes: 0 };
  const kept: SetAside[] = [];
  const remove = async ({ path, bytes }: SetAside) => {
    await discard(path);
    removed.blobs++;
    removed.bytes += bytes;
  };
  try {
    for await (const { name } of entriesIn(layout.quarantine)) {
      const found = await setAside(join(layout.quarantine, name));
      if (found === undefined) continue;
      if (clock() - found.since > bounds.ageMs || kept.length >= 2 * mostSetAside) await remove(found);
      else kept.push(found);
    }
    kept.sort((one, other) => other.since - one.since);
    let [files, bytes] = [0, 0];
    for (const each of kept) {
      files++;
      bytes += each.bytes;
      if (files > mostSetAside || bytes > bounds.bytes) await remove(each);
    }
  } catch (error) {
    throw volumeError(error, 'emptying the quarantine');
  }
  return removed;
}

/** Undefined for what is gone, and for what no server has put there. */
async function setAside(path: string): Promise<SetAside | undefined> {
  if (parseBlobName(basename(path)) === undefined) return undefined;
  try {
    const stats = await lstat(path);
    return stats.isFile() ? { path, bytes: stats.blocks * 512, since: stats.ctimeMs } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
