import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readIfThere } from './certificate-folder.ts';

/** Writes a file that must not exist yet, and gives it to the owner of its folder when run by root. */
export async function writeNew(path: string, text: string, mode: number): Promise<void> {
  await written(path, text, mode, await ownerOf(dirname(path)));
}

/** What was in a file when it was read; undefined when it was not there. */
interface ExpectedFile {
  readonly before: string | undefined;
}

/** A file is not as it was when it was read. */
class FileChangedError extends Error {
  override readonly name = 'FileChangedError';
}

/**
 * Makes `text` the contents of a file in one step: whoever reads it gets the old or the new, never half. A file that was
 * there keeps its owner and mode; a new one is its folder's owner's. Where it is not as
 * `expected` any more it stays, and this rejects with FileChangedError.
 */
export async function replaceFile(path: string, text: string, expected?: ExpectedFile): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  const owner = before === undefined ? await ownerOf(dirname(path)) : { uid: before.uid, gid: before.gid };
  const unfinished = join(dirname(path), `.new-${randomBytes(6).toString('hex')}`);
  try {
    await written(unfinished, text, before === undefined ? 0o644 : before.mode & 0o777, owner);
    // As late as can be: whoever changes the file by hand knows of no lock.
    if (expected !== undefined) await unchanged(path, expected);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Removes a file that is as it was; else rejects with FileChangedError. */
export async function removeFile(path: string, expected: ExpectedFile): Promise<void> {
  await unchanged(path, expected);
  await rm(path);
}

async function unchanged(path: string, { before }: ExpectedFile): Promise<void> {
  if ((await readIfThere(path)) !== before)
    throw new FileChangedError(`somebody else has just changed ${path}: try again`);
}

/** Makes a folder in another one, for the same owner. One that is there stays as it is. */
export async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (!made || !isRoot()) return;
  const folder = await open(path);
  try {
    const { uid, gid } = await ownerOf(dirname(path));
    await folder.chown(uid, gid);
  } finally {
    await folder.close();
  }
}

interface FileOwner {
  uid: number;
  gid: number;
}

async function written(path: string, text: string, mode: number, owner: FileOwner): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    // The umask narrowed the mode given above.
    await file.chmod(mode);
    if (isRoot()) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function ownerOf(path: string): Promise<FileOwner> {
  const { uid, gid } = await stat(path);
  return { uid, gid };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
