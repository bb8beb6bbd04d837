import type { Stats } from 'node:fs';
import { link, lstat, mkdir, opendir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { type BlobName, parseBlobName } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';
import { discard } from './durable-file.ts';
import { blobPrefixes, type Layout } from './layout.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';

/** One pass of eviction: what it should free and whom it must spare. */
export interface EvictionPlan {
  /** Name of its folder in the trash; nobody else uses the same. */
  readonly run: string;
  /** Bytes on disk to free; less is freed when the rest is leased. */
  readonly wantedBytes: number;
  /** Files to free, for a volume that is short of inodes. */
  readonly wantedFiles: number;
  /** A blob younger than this is leased, or may be. Milliseconds. */
  readonly evictAgeMs: number;
  /** How long evicted blobs rest in the trash, where a reader can still bring them back. Milliseconds. */
  readonly graceMs: number;
}

/** What a pass did. */
export interface EvictionOutcome {
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that were touched while they were on their way out, and went back. */
  readonly returned: number;
  /** How long the youngest evicted blob had not been used; 0 when none was evicted. Milliseconds. */
  readonly youngestIdleMs: number;
}

/** Hashes are uniform: what 16 of the 256 folders hold is a sixteenth of everything, within a few percent. */
const sampledFolders = 16;
/** Fewer due blobs than this in the sample say little about the rest. */
const tellingSample = 500;

interface DueBlob {
  readonly mtime: number;
  readonly bytes: number;
}

/**
 * Frees room by removing the blobs that were used longest ago, without an index of them.
 *
 * A blob that is due is renamed into the trash first. Whoever touched it between our look and the
 * rename has left its mark on the file's mtime, which a rename does not change; so after the grace
 * each file is looked at again, and what was touched goes back to its place. Two passes at once, of
 * this process or of another, are in nobody's way: the rename succeeds for one of them.
 */
export async function evict(layout: Layout, plan: EvictionPlan, clock: Clock): Promise<EvictionOutcome> {
  try {
    const cutoff = await cutoffTime(layout, plan, clock);
    if (cutoff === undefined) return { blobs: 0, bytes: 0, returned: 0, youngestIdleMs: 0 };
    const folder = join(layout.trash, plan.run);
    await mkdir(folder, { recursive: true });
    await moveOlderThan(layout, plan, cutoff, clock);
    await sleep(plan.graceMs);
    return await emptyTrash(layout, plan.run, plan.evictAgeMs, clock);
  } catch (error) {
    throw volumeError(error, 'making room');
  }
}

/**
 * The mtime up to which blobs have to go to free what is wanted; undefined when none is due. Estimated
 * from a sample, so that its memory is a fraction of what a list of all blobs would take; a cache that
 * has few blobs is looked at whole, since its sample would say little.
 */
async function cutoffTime(layout: Layout, plan: EvictionPlan, clock: Clock): Promise<number | undefined> {
  const prefixes = shuffledPrefixes();
  let looked = sampledFolders;
  const due = await dueIn(layout, prefixes.slice(0, sampledFolders), plan, clock);
  if (due.length < tellingSample) {
    due.push(...(await dueIn(layout, prefixes.slice(sampledFolders), plan, clock)));
    looked = blobPrefixes.length;
  }
  due.sort((a, b) => a.mtime - b.mtime);
  const share = looked / blobPrefixes.length;
  let [bytes, files] = [0, 0];
  for (const blob of due) {
    bytes += blob.bytes;
    files++;
    if (bytes >= plan.wantedBytes * share && files >= plan.wantedFiles * share) return blob.mtime;
  }
  return due.at(-1)?.mtime;
}

async function dueIn(
  layout: Layout,
  prefixes: readonly string[],
  plan: EvictionPlan,
  clock: Clock,
): Promise<DueBlob[]> {
  const due: DueBlob[] = [];
  for (const prefix of prefixes) {
    for await (const { stats } of blobsIn(layout, prefix)) {
      if (isDue(stats, plan, clock)) due.push({ mtime: stats.mtimeMs, bytes: sizeOnDisk(stats) });
    }
  }
  return due;
}

async function moveOlderThan(
  layout: Layout,
  plan: EvictionPlan,
  cutoff: number,
  clock: Clock,
): Promise<void> {
  let [bytes, files] = [0, 0];
  for (const prefix of shuffledPrefixes()) {
    for await (const { blob, stats } of blobsIn(layout, prefix)) {
      if (bytes >= plan.wantedBytes && files >= plan.wantedFiles) return;
      if (stats.mtimeMs > cutoff || !isDue(stats, plan, clock)) continue;
      if (!(await renameUnlessGone(layout.blob(blob), layout.trashed(plan.run, blob)))) continue;
      bytes += sizeOnDisk(stats);
      files++;
    }
  }
}

/**
 * Finishes a run: what was touched meanwhile goes back, the rest is removed. Any process may finish any
 * run, the one of a janitor that died included.
 */
export async function emptyTrash(
  layout: Layout,
  run: string,
  evictAgeMs: number,
  clock: Clock,
): Promise<EvictionOutcome> {
  const outcome = { blobs: 0, bytes: 0, returned: 0, youngestIdleMs: Number.POSITIVE_INFINITY };
  const folder = join(layout.trash, run);
  for await (const { name, stats } of filesIn(folder)) {
    const path = join(folder, name);
    const blob = parseBlobName(name);
    const idleMs = clock() - stats.mtimeMs;
    if (idleMs < evictAgeMs && blob !== undefined) {
      await linkBack(layout, run, blob);
      outcome.returned++;
    } else {
      outcome.blobs++;
      outcome.bytes += sizeOnDisk(stats);
      outcome.youngestIdleMs = Math.min(outcome.youngestIdleMs, idleMs);
    }
    await discard(path);
  }
  await rmdir(folder).catch(() => {});
  return { ...outcome, youngestIdleMs: outcome.blobs === 0 ? 0 : outcome.youngestIdleMs };
}

/** Runs in the trash whose folder has not changed for so long: their janitor is gone. */
export async function abandonedRuns(layout: Layout, olderThanMs: number, clock: Clock): Promise<string[]> {
  const runs: string[] = [];
  for await (const entry of await opendir(layout.trash)) {
    const stats = await statOrUndefined(join(layout.trash, entry.name));
    if (stats?.isDirectory() === true && clock() - stats.ctimeMs > olderThanMs) runs.push(entry.name);
  }
  return runs;
}

/** Leased blobs are younger by mtime or by ctime, which no wrong clock of a client of the volume can set. */
function isDue(stats: Stats, plan: EvictionPlan, clock: Clock): boolean {
  return clock() - Math.max(stats.mtimeMs, stats.ctimeMs) > plan.evictAgeMs;
}

function sizeOnDisk(stats: Stats): number {
  return stats.blocks * 512;
}

/** The blobs of all digest functions whose hashes begin with these two digits. */
async function* blobsIn(layout: Layout, prefix: string): AsyncGenerator<{ blob: BlobName; stats: Stats }> {
  for (const digestFunction of digestFunctions) {
    for await (const { name, stats } of filesIn(join(layout.objectsOf(digestFunction), prefix))) {
      // What is not named as a blob is not ours to remove.
      const blob = parseBlobName((digestFunction === 'sha256' ? '' : `${digestFunction}-`) + prefix + name);
      if (blob !== undefined) yield { blob, stats };
    }
  }
}

async function* filesIn(folder: string): AsyncGenerator<{ name: string; stats: Stats }> {
  try {
    for await (const { name } of await opendir(folder, { bufferSize: 256 })) {
      const stats = await statOrUndefined(join(folder, name));
      if (stats?.isFile() === true) yield { name, stats };
    }
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function renameUnlessGone(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** A reader may have been faster, or a new upload has taken the place: then it is there. */
async function linkBack(layout: Layout, run: string, blob: BlobName): Promise<void> {
  try {
    await link(layout.trashed(run, blob), layout.blob(blob));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' && !isAbsent(error)) throw error;
  }
}

function shuffledPrefixes(): string[] {
  const prefixes = [...blobPrefixes];
  for (let index = prefixes.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [prefixes[index], prefixes[other]] = [prefixes[other] ?? '', prefixes[index] ?? ''];
  }
  return prefixes;
}
