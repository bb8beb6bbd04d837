import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAbsent, errnoOf } from './volume-error.ts';

/**
 * Blobs are readable by all who may enter the volume: a proxy under another user sends large ones
 * itself, and a blob is only as secret as its hash. References carry no content and are kept as
 * BuildStream writes them.
 */
export const blobMode = 0o644;
export const referenceMode = 0o600;

/** A new file of our own; the name must not exist, and a planted link is not followed. */
export async function createNew(path: string, mode: number): Promise<FileHandle> {
  const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;
  return await open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode);
}

/** A regular file, and what it was when it was opened. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/**
 * For reading; rejects with ENOENT for anything that is not a regular file, links included, so that
 * what somebody planted on the volume is as good as absent. Never waits for a pipe's other end.
 */
export async function openRegular(path: string, moreFlags = 0): Promise<OpenFile> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let handle: FileHandle;
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | moreFlags);
  } catch (error) {
    if (errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') throw absent(error);
    throw error;
  }
  const stats = await handle.stat().catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  throw absent();
}

/** The same, and the file's times do not show it: only its owner may ask for that, so for others they do. */
export async function openUnnoticed(path: string): Promise<OpenFile> {
  try {
    return await openRegular(path, constants.O_NOATIME);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
    return await openRegular(path);
  }
}

function absent(cause?: unknown): Error {
  return Object.assign(new Error('not a regular file', { cause }), { code: 'ENOENT' });
}

/** For a write that takes none of its bytes and does not say why: trying again could go on for ever. */
export function stuck(): Error {
  return Object.assign(new Error('the file takes no more bytes'), { code: 'EIO' });
}

/** All of the bytes; a write may take fewer than it was given. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw stuck();
    done += bytesWritten;
  }
}

/** Fills the buffer from the position, or as far as the file goes; the count says how far. */
export async function readFully(handle: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Renames over whatever is there. Makes the folder when it has vanished. */
export async function renameOver(temporary: string, target: string): Promise<void> {
  await withFolder(target, () => rename(temporary, target));
}

/** Publishes at a path; somebody may tidy empty folders away while we run: then they are made again, once. */
export async function withFolder<T>(target: string, publish: () => T | Promise<T>): Promise<T> {
  try {
    return await publish();
  } catch (error) {
    if (!isAbsent(error)) throw error;
    await makeFolder(dirname(target));
    return await publish();
  }
}

/**
 * Makes a folder and those above it. One by one: Node's recursive mkdir looks again after an error that it does not
 * expect, like EDQUOT, and says ENOENT instead.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder).catch((again: unknown) => {
      if (errnoOf(again) !== 'EEXIST') throw again;
    });
  }
}

/** Removes a file of our own; that it is gone already is fine. */
export async function discard(path: string): Promise<void> {
  try {
    // One call: rm() would look first, and a look that fails would leave the file.
    await unlink(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems have no fsync for folders and make names durable by themselves.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

/**
 * A folder is itself a name in its parent, and whoever made it may have died before that was on disk: sync all of
 * them. Those that have not changed cost nothing.
 */
export async function syncUpwards(folder: string, last: string): Promise<void> {
  for (let current = folder; ; current = dirname(current)) {
    await syncFolder(current);
    if (current === last || current === dirname(current)) return;
  }
}
