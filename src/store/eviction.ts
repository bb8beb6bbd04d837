import type { Stats } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { isFull } from './ballast.ts';
import { type Emptied, nothingEmptied } from './emptying.ts';
import { evictableBlobs, type EvictableFile, evictableRecords, sizeOnDisk } from './evictable.ts';
import { blobPrefixes, type Layout } from './layout.ts';
import { nobody, type RemovalWatcher } from './removal-watcher.ts';
import { type TrashParts, trashParts } from './trash-parts.ts';
import { volumeError } from './volume-error.ts';

/** One pass of eviction: what it should free and whom it must spare. */
export interface EvictionPlan {
  /** Its folders in the trash have names that begin with this; nobody else uses the same. */
  readonly run: string;
  /** Bytes on disk to free; less is freed when the rest is leased. */
  readonly wantedBytes: number;
  /** Files to free, for a volume that is short of inodes. */
  readonly wantedFiles: number;
  /** What is younger than this is leased, or may be. Milliseconds. */
  readonly evictAgeMs: number;
  /** How long what is evicted rests in the trash, where a reader can still bring it back. Milliseconds. */
  readonly graceMs: number;
  /** So many files rest together; they go while others are still on their way into the trash. */
  readonly filesOfPart: number;
}

/** What a pass did. */
export interface EvictionOutcome extends Emptied {
  /** The volume was full to the last block: its ballast was given up, and has to be made anew. */
  readonly droppedBallast: boolean;
}

/** Hashes are uniform: what 16 of the 256 folders hold is a sixteenth of everything, within a few percent. */
const sampledFolders = 16;
/** Fewer due blobs than this in the sample say little about the rest. */
const tellingSample = 500;
/** Of the sample so many are kept at most, chosen at random: memory is the same at any number of blobs. */
const keptOfSample = 100_000;

/**
 * Frees room by removing the blobs that were used longest ago, without an index of them, and what leads
 * to blobs but was not used for as long.
 *
 * A file that is due is renamed into the trash first. Whoever touched it between our look and the
 * rename has left its mark on the file's mtime, which a rename does not change; so after the grace
 * each file is looked at again, and what was touched goes back to its place. Two passes at once, of
 * this process or of another, are in nobody's way: the rename succeeds for one of them.
 *
 * Blocks its thread, except while files rest.
 */
export async function evict(
  layout: Layout,
  plan: EvictionPlan,
  clock: Clock,
  watcher = nobody,
): Promise<EvictionOutcome> {
  try {
    const cutoff = cutoffTime(layout, plan, clock, watcher);
    if (cutoff === undefined) return { ...nothingEmptied, droppedBallast: false };
    const trash = trashParts(layout, plan, clock, watcher);
    await moveOlderThan(layout, plan, trash, cutoff, clock, watcher);
    return await trash.end();
  } catch (error) {
    throw volumeError(error, 'making room');
  }
}

interface DueFile {
  readonly mtime: number;
  readonly bytes: number;
}

/**
 * The mtime up to which files have to go to free what is wanted; undefined when none is due. Estimated
 * from a sample; a cache that has few blobs is looked at whole, its records included, since its sample would say little.
 */
function cutoffTime(
  layout: Layout,
  plan: EvictionPlan,
  clock: Clock,
  watcher: RemovalWatcher,
): number | undefined {
  const prefixes = shuffledPrefixes();
  const sample: DueFile[] = [];
  let seen = 0;
  const look = (files: Iterable<EvictableFile>) => {
    for (const { stats } of files) {
      watcher.looked();
      if (!isDue(stats, plan, clock)) continue;
      const at = seen < keptOfSample ? seen : Math.floor(Math.random() * (seen + 1));
      if (at < keptOfSample) sample[at] = { mtime: stats.mtimeMs, bytes: sizeOnDisk(stats) };
      seen++;
    }
  };
  const lookAll = (some: readonly string[]) => some.forEach((prefix) => look(evictableBlobs(layout, prefix)));
  lookAll(prefixes.slice(0, sampledFolders));
  let looked = sampledFolders;
  if (seen < tellingSample) {
    lookAll(prefixes.slice(sampledFolders));
    look(evictableRecords(layout));
    looked = blobPrefixes.length;
  }
  sample.sort((a, b) => a.mtime - b.mtime);
  const share = (looked / blobPrefixes.length) * (sample.length / Math.max(seen, 1));
  let [bytes, files] = [0, 0];
  for (const file of sample) {
    bytes += file.bytes;
    files++;
    if (bytes >= plan.wantedBytes * share && files >= plan.wantedFiles * share) return file.mtime;
  }
  return sample.at(-1)?.mtime;
}

async function moveOlderThan(
  layout: Layout,
  plan: EvictionPlan,
  trash: TrashParts,
  cutoff: number,
  clock: Clock,
  watcher: RemovalWatcher,
): Promise<void> {
  let [bytes, files] = [0, 0];
  const move = ({ path, trashName, blob, stats }: EvictableFile): Promise<void> | undefined => {
    watcher.looked();
    if (stats.mtimeMs > cutoff || !isDue(stats, plan, clock)) return undefined;
    if (!trash.move(path, trashName)) return undefined;
    bytes += sizeOnDisk(stats);
    files++;
    watcher.moved(blob, sizeOnDisk(stats));
    return trash.goOn();
  };
  // A look and the move that follows from it are one step: only after both may others come between.
  try {
    for (const record of evictableRecords(layout)) await move(record);
  } catch (error) {
    // Records keep their folders in the trash. Where not even these can be made, blobs can still be moved.
    if (!isFull(error)) throw error;
  }
  for (const prefix of shuffledPrefixes()) {
    for (const blob of evictableBlobs(layout, prefix)) {
      if (bytes >= plan.wantedBytes && files >= plan.wantedFiles) return;
      await move(blob);
    }
  }
}

/** Leased files are younger by mtime or by ctime, which no wrong clock of a client of the volume can set. */
function isDue(stats: Stats, plan: EvictionPlan, clock: Clock): boolean {
  // The empty blobs give nothing back, and the next look at the volume would make them again.
  if (stats.size === 0) return false;
  return clock() - Math.max(stats.mtimeMs, stats.ctimeMs) > plan.evictAgeMs;
}

function shuffledPrefixes(): string[] {
  const prefixes = [...blobPrefixes];
  for (let index = prefixes.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [prefixes[index], prefixes[other]] = [prefixes[other] ?? '', prefixes[index] ?? ''];
  }
  return prefixes;
}
