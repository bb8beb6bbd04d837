import { type Dir, lstatSync, opendirSync, type Stats } from 'node:fs';
import { join, relative } from 'node:path';
import { parseBlobName } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';
import type { Layout } from './layout.ts';
import { isAbsent } from './volume-error.ts';

/**
 * What can be evicted. Walked with calls that block, because whoever walks has a thread of their own: it is
 * several times as fast, and leaves the pool of threads to the calls of clients.
 */
export interface EvictableFile {
  readonly path: string;
  /** Where it rests in a run's folder of the trash; the way back follows from it. */
  readonly trashName: string;
  readonly stats: Stats;
}

/** Folder in a run's folder of the trash that records are in, under their paths below the root. */
const recordsFolder = 'records';

/** The blobs of all digest functions whose hashes begin with these two digits. */
export function* evictableBlobs(layout: Layout, prefix: string): Generator<EvictableFile> {
  for (const digestFunction of digestFunctions) {
    for (const { name, path, stats } of filesIn(join(layout.objectsOf(digestFunction), prefix))) {
      // What is not named as a blob is not ours to remove.
      const blob = parseBlobName((digestFunction === 'sha256' ? '' : `${digestFunction}-`) + prefix + name);
      if (blob !== undefined) yield { path, trashName: blob, stats };
    }
  }
}

/** References, and everything else that is found by a key: small files in folders of any depth. */
export function* evictableRecords(layout: Layout): Generator<EvictableFile> {
  for (const root of layout.recordRoots) {
    for (const { path, stats } of filesBelow(root)) {
      yield { path, trashName: recordTrashName(layout, path), stats };
    }
  }
}

/** Where a record rests in a run's folder of the trash. */
export function recordTrashName(layout: Layout, path: string): string {
  return join(recordsFolder, relative(layout.root, path));
}

/** What rests in a run's folder of the trash, and where each came from; undefined for what nobody of us put there. */
export function* trashedFiles(
  layout: Layout,
  run: string,
): Generator<{ path: string; home: string | undefined; stats: Stats }> {
  const folder = join(layout.trash, run);
  for (const { name, path, stats } of filesIn(folder)) {
    const blob = parseBlobName(name);
    yield { path, home: blob === undefined ? undefined : layout.blob(blob), stats };
  }
  const records = join(folder, recordsFolder);
  for (const { path, stats } of filesBelow(records)) {
    yield { path, home: join(layout.root, relative(records, path)), stats };
  }
}

/** Bytes that a file takes on the disk. */
export function sizeOnDisk(stats: Stats): number {
  return stats.blocks * 512;
}

interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly stats: Stats;
}

/** The regular files of a folder, in constant memory; none when it is not there. */
function* filesIn(folder: string): Generator<FoundFile> {
  for (const { name, path, stats } of entriesOf(folder)) if (stats.isFile()) yield { name, path, stats };
}

/** The regular files of a folder and of all below it, without recursion: a hostile depth costs no stack. */
export function* filesBelow(root: string): Generator<FoundFile> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      if (entry.stats.isFile()) yield entry;
      else if (entry.stats.isDirectory()) folders.push(entry.path);
    }
  }
}

/** A folder and all folders below it, each before those in it. */
export function foldersBelow(root: string): string[] {
  const folders = [root];
  for (let index = 0; index < folders.length; index++) {
    for (const { path, stats } of entriesOf(folders[index] ?? root))
      if (stats.isDirectory()) folders.push(path);
  }
  return folders;
}

function* entriesOf(folder: string): Generator<FoundFile> {
  const directory = openedOrUndefined(folder);
  if (directory === undefined) return;
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const path = join(folder, entry.name);
      const stats = statsOrUndefined(path);
      if (stats !== undefined) yield { name: entry.name, path, stats };
    }
  } finally {
    directory.closeSync();
  }
}

function openedOrUndefined(folder: string): Dir | undefined {
  try {
    return opendirSync(folder, { bufferSize: 256 });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function statsOrUndefined(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
