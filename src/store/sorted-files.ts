import { type Dirent, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { entriesIn } from './blob-files.ts';
import { isAbsent } from './volume-error.ts';

/** A regular file that a walk came by. */
export interface SortedFile {
  readonly path: string;
  readonly stats: Stats;
}

/** Of the names in one folder so many are held at once; for the next ones it is read again. */
const namesAtOnce = 5000;

interface Found {
  readonly name: string;
  readonly isFolder: boolean;
}

/** A folder on the way down, and what in it is next. */
interface Level {
  readonly folder: string;
  found: readonly Found[];
  next: number;
  /** There is more behind the last of them. */
  more: boolean;
}

/**
 * The regular files of a folder and of all below it, in the order of their names, segment by segment; only what
 * `isWanted`, which also says of a folder whether anything in it is. Without recursion, and in memory by depth,
 * however wide a folder is. What vanishes meanwhile is passed over.
 */
export async function* sortedFiles(
  root: string,
  isWanted: (path: string, isFolder: boolean) => boolean = () => true,
): AsyncGenerator<SortedFile> {
  const levels: Level[] = [{ folder: root, next: 0, ...(await namesAfter(root, '', isWanted)) }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (level.next === level.found.length && level.more)
      Object.assign(
        level,
        { next: 0 },
        await namesAfter(level.folder, level.found.at(-1)?.name ?? '', isWanted),
      );
    const found = level.found[level.next++];
    if (found === undefined) {
      levels.pop();
      continue;
    }
    const path = join(level.folder, found.name);
    if (found.isFolder) {
      levels.push({ folder: path, next: 0, ...(await namesAfter(path, '', isWanted)) });
      continue;
    }
    const stats = await looked(path);
    if (stats?.isFile() === true) yield { path, stats };
  }
}

/** What is in a folder, by the order of names, so many at most of those behind one: a page of it. Other things than folders and regular files are left out. */
export async function folderPage(
  folder: string,
  after: string,
  most: number,
): Promise<{ entries: readonly { name: string; stats: Stats | undefined }[]; more: boolean }> {
  const { found, more } = await namesAfter(folder, after, () => true, most);
  const entries = [];
  for (const { name, isFolder } of found) {
    const stats = isFolder ? undefined : await looked(join(folder, name));
    if (isFolder || stats?.isFile() === true) entries.push({ name, stats });
  }
  return { entries, more };
}

/** The first names behind one, in their order, however many come. */
async function namesAfter(
  folder: string,
  after: string,
  isWanted: (path: string, isFolder: boolean) => boolean,
  heldNames = namesAtOnce,
): Promise<Pick<Level, 'found' | 'more'>> {
  let found: Found[] = [];
  let more = false;
  const cut = () => {
    found.sort((one, other) => (one.name < other.name ? -1 : 1));
    more ||= found.length > heldNames;
    found = found.slice(0, heldNames);
  };
  for await (const entry of entriesIn(folder)) {
    if (after !== '' && entry.name <= after) continue;
    const path = join(folder, entry.name);
    const isFolder = await isFolderAt(path, entry);
    if (!isWanted(path, isFolder)) continue;
    found.push({ name: entry.name, isFolder });
    if (found.length >= 2 * heldNames) cut();
  }
  cut();
  return { found, more };
}

/** Some file systems do not say in a listing what something is. */
async function isFolderAt(path: string, entry: Dirent): Promise<boolean> {
  if (entry.isFile() || entry.isSymbolicLink()) return false;
  return entry.isDirectory() || (await looked(path))?.isDirectory() === true;
}

async function looked(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
