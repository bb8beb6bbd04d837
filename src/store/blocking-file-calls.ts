import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  fstatSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { Answer } from '../core/answer.ts';
import type { DiskPace } from './disk-pace.ts';
import type { FileCalls, FolderState, OpenFolder, SmallFile, SyncedFile } from './file-calls.ts';
import { stuck } from './durable-file.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

const syncBytes = promisify(fdatasync);
const syncNames = promisify(fsync);

/** The longest that these calls keep the event loop from everything else. Milliseconds. */
const sliceMs = 4;

/**
 * Calls that block. On a local disk they cost a fraction of a turn through the thread pool; after a
 * few milliseconds of them the next ones wait until other work has had its turn. Many looks are for the caller to divide: all of one call are one turn.
 */
export function blockingFileCalls(pace: Pick<DiskPace, 'timed'>): FileCalls {
  const inTurn = turnTaker();
  return {
    stat: (path) => inTurn(() => pace.timed(1, () => stat(path))),
    statAll: (paths) => inTurn(() => pace.timed(paths.length, () => paths.map(stat))),
    folderState: (path) => inTurn(() => pace.timed(1, () => folderState(path))),
    openFolder: (path) => inTurn(() => openFolder(path)),
    refresh: (path, time) => inTurn(() => refresh(path, time)),
    readSmall: (path, least, most) =>
      inTurn(() => pace.timed(1, () => contents(openFile(path), least, most))),
    readUnnoticed: (path, most) => inTurn(() => pace.timed(1, () => contents(openUnnoticed(path), 0, most))),
    writeNew: (path, bytes, mode) => inTurn(() => writeNew(path, bytes, mode)),
    link: (path, newPath) => inTurn(() => linkUnlessThere(path, newPath)),
    discard: (path) => inTurn(() => discard(path)),
    names: (folder) => inTurn(() => names(folder)),
    // A sync takes as long as the disk does: that one is for the pool.
    sync: async (path) => {
      const file = await inTurn(() => openFile(path));
      return file && (await syncFile(file));
    },
    syncFolder: async (folder) => {
      const descriptor = await inTurn(() => openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY));
      await syncNames(descriptor).finally(() => closeSync(descriptor));
    },
  };
}

/** Runs work at once while the turn is young; later work waits for the next turn of the event loop. */
function turnTaker(): <T>(work: () => T) => Answer<T> {
  let begun: number | undefined;
  let nextTurn = Promise.resolve();
  return (work) => {
    const now = performance.now();
    if (begun === undefined) {
      begun = now;
      nextTurn = new Promise((resolve) => {
        setImmediate(() => {
          begun = undefined;
          resolve();
        });
      });
    }
    return now - begun < sliceMs ? work() : nextTurn.then(work);
  };
}

function stat(path: string): Stats | undefined {
  const stats = look(path);
  return stats?.isFile() === true ? stats : undefined;
}

function folderState(path: string): FolderState | undefined {
  const stats = look(path);
  return stats?.isDirectory() === true ? stats : undefined;
}

function look(path: string): Stats | undefined {
  try {
    // No exception for an absent file: making one costs more than the call.
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function openFolder(path: string): OpenFolder | undefined {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  try {
    const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return { state: () => fstatSync(descriptor), close: () => closeSync(descriptor) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function refresh(path: string, time: number): boolean {
  try {
    lutimesSync(path, time / 1000, time / 1000);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    if (errnoOf(error) === 'EROFS') return true;
    throw error;
  }
}

interface OpenFile {
  readonly descriptor: number;
  readonly stats: Stats;
}

/** Undefined for what is absent or is not a regular file. */
function openFile(path: string, moreFlags = 0): OpenFile | undefined {
  const descriptor = openRegular(path, moreFlags);
  if (descriptor === undefined) return undefined;
  let stats: Stats | undefined;
  try {
    stats = fstatSync(descriptor);
  } finally {
    if (stats?.isFile() !== true) closeSync(descriptor);
  }
  return stats.isFile() ? { descriptor, stats } : undefined;
}

/** Only its owner may ask for that; for others its times show it. */
function openUnnoticed(path: string): OpenFile | undefined {
  try {
    return openFile(path, constants.O_NOATIME);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
    return openFile(path);
  }
}

async function syncFile({ descriptor, stats }: OpenFile): Promise<SyncedFile> {
  try {
    await syncBytes(descriptor);
    return { stats };
  } catch (failure) {
    return { stats, failure };
  } finally {
    closeSync(descriptor);
  }
}

function contents(file: OpenFile | undefined, least: number, most: number): SmallFile | undefined {
  if (file === undefined) return undefined;
  const { descriptor, stats } = file;
  try {
    const { size } = stats;
    if (size < least || size > most) return { stats, bytes: undefined };
    // Of memory that others have a part of: for many small ones, memory of their own is more work for the collector than all else.
    const bytes = Buffer.allocUnsafe(size);
    let done = 0;
    while (done < size) {
      const count = readSync(descriptor, bytes, done, size - done, done);
      if (count === 0) return { stats, bytes: undefined };
      done += count;
    }
    return { stats, bytes };
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined when it is absent, or something that is no file: a link, a pipe, a socket. */
function openRegular(path: string, moreFlags: number): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | moreFlags);
  } catch (error) {
    if (isAbsent(error) || errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') return undefined;
    throw error;
  }
}

function writeNew(path: string, bytes: Uint8Array, mode: number): void {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const descriptor = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
  try {
    for (let done = 0; done < bytes.length;) {
      const count = writeSync(descriptor, bytes, done, bytes.length - done, done);
      if (count === 0) throw stuck();
      done += count;
    }
  } finally {
    closeSync(descriptor);
  }
}

function linkUnlessThere(path: string, newPath: string): boolean {
  try {
    linkSync(path, newPath);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
