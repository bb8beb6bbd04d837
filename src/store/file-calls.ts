import type { Stats } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Answer } from '../core/answer.ts';
import { localFileCalls } from './local-file-calls.ts';
import { pooledFileCalls } from './pooled-file-calls.ts';

/** A folder: its ctime is another one as soon as a name in it came or went. `size`: what its names take, in some file systems. Bytes. */
export type FolderState = Pick<Stats, 'ino' | 'ctimeMs' | 'size'>;

/** A folder wherever it is moved to: looking at it again is half of the work of finding it by its path, and never waits for the disk. */
export interface OpenFolder {
  state(): FolderState;
  close(): void;
}

/** What a small file holds; `bytes` only when it has a size that was asked for. */
export interface SmallFile {
  readonly stats: Stats;
  readonly bytes: Uint8Array | undefined;
}

/**
 * The calls that are made once for each blob of a request, so that their price decides how many
 * blobs a second are looked up, read and stored. Errors are those of the system calls.
 */
export interface FileCalls {
  /** lstat; undefined for what is absent or is not a regular file. */
  stat(path: string): Answer<Stats | undefined>;
  /** The same for many, in their order. */
  statAll(paths: readonly string[]): Answer<(Stats | undefined)[]>;
  /**
   * Sets both times (milliseconds since 1970); false when the file is gone. On a read-only volume it
   * does nothing: nothing is evicted there either.
   */
  refresh(path: string, time: number): Answer<boolean>;
  /** The whole file, if it has from `least` to `most` bytes; undefined when it is absent or is not a regular file. */
  readSmall(path: string, least: number, most: number): Answer<SmallFile | undefined>;
  /** The same of up to so many bytes, as no use of it: its times stay. */
  readUnnoticed(path: string, most: number): Answer<SmallFile | undefined>;
  /** A new file of these bytes; the name must not exist. */
  writeNew(path: string, bytes: Uint8Array, mode: number): Answer<void>;
  /** A second name for a file; false when that name exists. */
  link(path: string, newPath: string): Answer<boolean>;
  /** Removes a file; that it is gone already is fine. */
  discard(path: string): Answer<void>;
  /** lstat of a folder; undefined where there is none. */
  folderState(path: string): Answer<FolderState | undefined>;
  /** Undefined where there is none, or where what is said of it may be of a while ago, as on a network, or where the disk makes calls wait. */
  openFolder(path: string): Answer<OpenFolder | undefined>;
  /** Names in a folder; none when it is absent. */
  names(folder: string): Answer<string[]>;
  /** Brings the bytes of a file to the disk; undefined when it is absent or is not a regular file. */
  sync(path: string): Promise<SyncedFile | undefined>;
  /** Brings the names in a folder to the disk. */
  syncFolder(folder: string): Promise<void>;
}

/** A file that was to be brought to the disk; with a `failure`, what it got since the last time may be lost. */
export interface SyncedFile {
  readonly stats: Stats;
  readonly failure?: unknown;
}

/** f_type of file systems on local disks and in memory (statfs(2), linux/magic.h). */
const localFileSystems = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** Calls that block where the volume is on a local file system, as long as that answers at once; pooled ones anywhere else. */
export async function fileCallsFor(root: string): Promise<FileCalls> {
  const { type } = await statfs(root);
  return localFileSystems.has(type) ? localFileCalls() : pooledFileCalls();
}
