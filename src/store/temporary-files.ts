import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { entriesIn } from './blob-files.ts';
import { discard } from './durable-file.ts';
import { sizeOnDisk } from './evictable.ts';
import { keptPrefix, type Layout, temporaryPrefix } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** How old a temporary file must be before it is nobody's. Milliseconds. */
export interface TemporaryAges {
  /** Ours: an upload that goes on changes its file, so an old one has died with its process. */
  readonly own: number;
  /** Uploads that stopped and wait to be gone on with. */
  readonly kept: number;
  /** The reference server's, which may be serving the same directory. */
  readonly foreign: number;
}

/** Removes temporary files whose writers are gone, by ctime; returns how many. */
export async function sweepTemporaryFiles(
  layout: Layout,
  ages: TemporaryAges,
  clock: Clock,
): Promise<number> {
  let removed = 0;
  try {
    for await (const { name } of entriesIn(layout.temporary)) {
      const path = join(layout.temporary, name);
      const age = await ageOf(path, clock);
      if (age === undefined || age < limitFor(name, ages)) continue;
      await discard(path);
      removed++;
    }
  } catch (error) {
    if (!isAbsent(error)) throw volumeError(error, 'sweeping temporary files');
  }
  return removed;
}

/** Removes uploads that wait to be gone on with, the oldest first, until so many bytes on disk are free. */
export async function discardKeptUploads(
  layout: Layout,
  wantedBytes: number,
): Promise<{ files: number; bytes: number }> {
  const kept: { path: string; bytes: number; ctimeMs: number }[] = [];
  for await (const { name } of entriesIn(layout.temporary)) {
    if (!name.startsWith(keptPrefix)) continue;
    const path = join(layout.temporary, name);
    const stats = await statsOf(path);
    if (stats !== undefined) kept.push({ path, bytes: sizeOnDisk(stats), ctimeMs: stats.ctimeMs });
  }
  kept.sort((a, b) => a.ctimeMs - b.ctimeMs);
  let [files, bytes] = [0, 0];
  for (const oldest of kept) {
    await discard(oldest.path);
    files++;
    bytes += oldest.bytes;
    if (bytes >= wantedBytes) break;
  }
  return { files, bytes };
}

function limitFor(name: string, ages: TemporaryAges): number {
  if (name.startsWith(keptPrefix)) return ages.kept;
  return name.startsWith(temporaryPrefix) ? ages.own : ages.foreign;
}

async function ageOf(path: string, clock: Clock): Promise<number | undefined> {
  const stats = await statsOf(path);
  return stats && clock() - stats.ctimeMs;
}

/** Undefined for what is gone or is not a file. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
