import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { BlobName } from '../core/digest.ts';
import { sizeOnDisk } from './evictable.ts';
import type { Layout } from './layout.ts';
import { foundOrNowhere, shortestGraceMs } from './trash.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/**
 * Where a blob is. `trash`: on its way out, and servers bring it back when somebody asks for it; `wrong-size`: its file has
 * not as many bytes as the digest says, so it is no answer; `quarantined`: only there, because its bytes did not give its hash.
 */
export type BlobPlace = 'present' | 'trash' | 'wrong-size' | 'quarantined' | 'missing';

/** What a look has shown; nothing is leased or touched by it. */
export interface BlobLook {
  readonly place: BlobPlace;
  /** Of its file, when there is one. Bytes. */
  readonly fileBytes: number;
  readonly diskBytes: number;
  /** When it was last used. Milliseconds since 1970; 0 for a missing one. */
  readonly usedAtMs: number;
}

/** `sizeBytes` undefined takes a file of any size. */
export async function lookForBlob(
  layout: Layout,
  name: BlobName,
  sizeBytes: number | undefined,
): Promise<BlobLook> {
  try {
    const inPlace = await fileAt(layout.blob(name));
    const fits = (stats: Stats) => sizeBytes === undefined || stats.size === sizeBytes;
    if (inPlace !== undefined && fits(inPlace)) return seen('present', inPlace);
    const elsewhere = await foundOrNowhere(async () => {
      for (const run of await runsIn(layout)) {
        const inTrash = await fileAt(layout.trashed(run, name));
        if (inTrash !== undefined && fits(inTrash)) return seen('trash', inTrash);
      }
      const back = await fileAt(layout.blob(name));
      return back && seen(fits(back) ? 'present' : 'wrong-size', back);
    }, shortestGraceMs);
    if (elsewhere !== undefined) return elsewhere;
    const aside = await fileAt(layout.quarantined(name));
    return aside === undefined ? nowhere : seen('quarantined', aside);
  } catch (error) {
    throw volumeError(error, 'looking for a blob');
  }
}

/** When it was set aside, because its bytes did not give its hash. Milliseconds since 1970; undefined where it was not. */
export async function quarantinedSince(layout: Layout, name: BlobName): Promise<number | undefined> {
  // That was a rename, which sets ctime only.
  return (await fileAt(layout.quarantined(name)))?.ctimeMs;
}

const nowhere: BlobLook = { place: 'missing', fileBytes: 0, diskBytes: 0, usedAtMs: 0 };

function seen(place: BlobPlace, stats: Stats): BlobLook {
  return { place, fileBytes: stats.size, diskBytes: sizeOnDisk(stats), usedAtMs: stats.mtimeMs };
}

async function runsIn(layout: Layout): Promise<readonly string[]> {
  try {
    return await readdir(layout.trash);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A regular file. */
async function fileAt(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
