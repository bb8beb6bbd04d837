import type { Stats } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseBlobName } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';
import { filesBelow, filesIn } from './folder-walk.ts';
import type { Layout } from './layout.ts';

/** What can be evicted. */
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

/** Whether it is a record that rests under such a name, and no blob. */
export function isRecordTrashName(trashName: string): boolean {
  return trashName.startsWith(join(recordsFolder, sep));
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
