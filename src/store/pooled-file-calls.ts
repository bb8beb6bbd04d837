import { link, lstat, lutimes, readdir } from 'node:fs/promises';
import {
  createNew,
  discard,
  type OpenFile,
  openRegular,
  openUnnoticed,
  readFully,
  syncFolder,
  writeFully,
} from './durable-file.ts';
import type { FileCalls, SmallFile } from './file-calls.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/**
 * Calls by the thread pool: a network volume that hangs keeps threads waiting, but neither the event
 * loop nor the probe that asks whether the process lives.
 */
export function pooledFileCalls(): FileCalls {
  async function stat(path: string) {
    const stats = await unlessAbsent(lstat(path), undefined);
    return stats?.isFile() === true ? stats : undefined;
  }

  return {
    stat,
    statAll: (paths) => Promise.all(paths.map(stat)),

    async folderState(path) {
      const stats = await unlessAbsent(lstat(path), undefined);
      return stats?.isDirectory() === true ? stats : undefined;
    },
    openFolder: () => undefined,

    async refresh(path, time) {
      try {
        await lutimes(path, time / 1000, time / 1000);
        return true;
      } catch (error) {
        if (isAbsent(error)) return false;
        if (errnoOf(error) === 'EROFS') return true;
        throw error;
      }
    },

    readSmall: (path, least, most) => contents(openRegular(path), least, most),
    readUnnoticed: (path, most) => contents(openUnnoticed(path), 0, most),

    async writeNew(path, bytes, mode) {
      const handle = await createNew(path, mode);
      try {
        await writeFully(handle, bytes, 0);
      } finally {
        await handle.close();
      }
    },

    async link(path, newPath) {
      try {
        await link(path, newPath);
        return true;
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false;
        throw error;
      }
    },

    discard,
    async sync(path) {
      const file = await unlessAbsent(openRegular(path), undefined);
      if (file === undefined) return undefined;
      const { handle, stats } = file;
      try {
        const failure: unknown = await handle.datasync().then(
          () => undefined,
          (error: unknown) => error,
        );
        return { stats, failure };
      } finally {
        await handle.close();
      }
    },
    syncFolder,
    names: async (folder) => await unlessAbsent(readdir(folder), []),
  };
}

async function contents(
  opened: Promise<OpenFile>,
  least: number,
  most: number,
): Promise<SmallFile | undefined> {
  const file = await unlessAbsent(opened, undefined);
  if (file === undefined) return undefined;
  const { handle, stats } = file;
  try {
    const { size } = stats;
    if (size < least || size > most) return { stats, bytes: undefined };
    const bytes = Buffer.allocUnsafeSlow(size);
    const count = await readFully(handle, bytes, 0);
    return { stats, bytes: count === size ? bytes : undefined };
  } finally {
    await handle.close();
  }
}

async function unlessAbsent<T, U>(answer: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(error)) return otherwise;
    throw error;
  }
}
