import { readdir, lstat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { lstatSync } from 'node:fs';
import type { Blob } from './wire.ts';
import { blobFile } from './volume-damage.ts';

/** All that shows that something of a volume was used or changed: of files every time, of folders that of their contents. */
export async function volumeTraces(volume: string): Promise<Record<string, string>> {
  const traces: Record<string, string> = {};
  for (const entry of await readdir(volume, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { ino, mode, size, mtimeNs, ctimeNs, atimeNs } = await lstat(path, { bigint: true });
    // Those directly in weir/ are of the servers, and are read by whoever comes.
    const isUsed = entry.isFile() && entry.parentPath !== join(volume, 'weir');
    const used = isUsed ? atimeNs : 0n;
    traces[relative(volume, path)] = [ino, mode, size, mtimeNs, ctimeNs, used].join(' ');
  }
  return traces;
}

/** Bytes on disk of files, as `du` counts them. */
export function diskBytes(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + lstatSync(path).blocks * 512, 0);
}

/** The same of blobs, each once; the empty one takes no room. */
export function blobDiskBytes(volume: string, blobs: readonly Blob[]): number {
  const files = blobs.filter(({ data }) => data.length > 0).map((blob) => blobFile(volume, blob));
  return diskBytes([...new Set(files)]);
}

/** Of all files below a folder. */
export async function folderDiskBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return diskBytes(
    entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)),
  );
}
