import type { Stats } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type BlobName, parseBlobName } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';
import { filesBelow, filesIn } from './folder-walk.ts';
import type { Layout } from './layout.ts';

/** What can be evicted. */
export interface EvictableFile {
  readonly path: string;
  /** Where it rests in a run's folder of the trash; the way back follows from it. */
  readonly trashName: string;
  /** Undefined for a record. */
  readonly blob: BlobName | undefined;
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
      if (blob !== undefined) yield { path, trashName: blob, blob, stats };
    }
  }
}

/** References, and everything else that is found by a key: small files in folders of any depth. */
export function* evictableRecords(layout: Layout): Generator<EvictableFile> {
  for (const root of layout.recordRoots) {
    for (const { path, stats } of filesBelow(root)) {
      yield { path, trashName: recordTrashName(layout, path), blob: undefined, stats };
    }
  }
}

/** Where a record rests in a run's folder of the trash. */
export function recordTrashName(layout: Layout, path: string): string {
  return join(recordsFolder, relative(layout.root, path));
}

/** Whether it is a record that rests under such a name, and no blob. */
export function isRecordTrashName(trashName: string): boolean {
  return trashName.startsWith(join(recordsFolder, sep));
}

/** What rests in a run's folder of the trash. */
export interface TrashedFile {
  readonly path: string;
  /** Where it came from; undefined for what nobody of us put there. */
  readonly home: string | undefined;
  /** Undefined for a record, and for what nobody of us put there. */
  readonly blob: BlobName | undefined;
  readonly stats: Stats;
}

/** What rests in a run's folder of the trash. */
export function* trashedFiles(layout: Layout, run: string): Generator<TrashedFile> {
  const folder = join(layout.trash, run);
  for (const { name, path, stats } of filesIn(folder)) {
    const blob = parseBlobName(name);
    yield { path, home: blob === undefined ? undefined : layout.blob(blob), blob, stats };
  }
  const records = join(folder, recordsFolder);
  for (const { path, stats } of filesBelow(records)) {
    yield { path, home: join(layout.root, relative(records, path)), blob: undefined, stats };
  }
}

/** Bytes that a file takes on the disk. */
export function sizeOnDisk(stats: Stats): number {
  return stats.blocks * 512;
}
