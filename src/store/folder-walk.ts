import { type Dir, type Dirent, lstatSync, opendirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { isAbsent } from './volume-error.ts';

/**
 * Walks with calls that block, because whoever walks has a thread of their own: it is several times as fast, and
 * leaves the pool of threads to the calls of clients. What vanishes meanwhile is passed over.
 */
export interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly stats: Stats;
}

/** Of the folders in one folder so many names are held at once; for the next ones it is read again. */
const heldNames = 5000;

/** The regular files of a folder, in constant memory; none when it is not there. */
export function* filesIn(folder: string): Generator<FoundFile> {
  for (const entry of entriesOf(folder)) {
    const found = looked(folder, entry);
    if (found?.stats.isFile() === true) yield found;
  }
}

/**
 * The regular files of a folder and of all below it. Without recursion: a hostile depth costs no stack; and in
 * memory by depth: a million folders beside each other cost no more than some thousands.
 */
export function* filesBelow(root: string): Generator<FoundFile> {
  for (const visited of walk(root)) if (typeof visited !== 'string') yield visited;
}

/** A folder and all folders below it, each after those in it. */
export function* foldersBelow(root: string): Generator<string> {
  for (const visited of walk(root)) if (typeof visited === 'string') yield visited;
}

/** A folder on the way down, and which folders in it are next. */
interface Level {
  readonly folder: string;
  names: string[];
  next: number;
  /** There are more behind the last of the names. */
  more: boolean;
}

/** Files as they come, and folders, as strings, when all below them was visited. */
function* walk(root: string): Generator<FoundFile | string> {
  const levels = [yield* entered(root)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (level.next === level.names.length && level.more) readOn(level);
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      yield level.folder;
    } else levels.push(yield* entered(join(level.folder, name)));
  }
}

function* entered(folder: string): Generator<FoundFile, Level> {
  const names = namesAfter('');
  for (const entry of entriesOf(folder)) {
    if (entry.isDirectory()) {
      names.add(entry.name);
      continue;
    }
    const found = looked(folder, entry);
    if (found?.stats.isFile() === true) yield found;
    else if (found?.stats.isDirectory() === true) names.add(entry.name);
  }
  return { folder, next: 0, ...names.first() };
}

function readOn(level: Level): void {
  const names = namesAfter(level.names.at(-1) ?? '');
  for (const entry of entriesOf(level.folder)) {
    if (
      entry.isDirectory() ||
      (isUnknown(entry) && looked(level.folder, entry)?.stats.isDirectory() === true)
    )
      names.add(entry.name);
  }
  Object.assign(level, names.first(), { next: 0 });
}

/** Keeps the first names behind one, in their order, however many come. */
function namesAfter(after: string) {
  let names: string[] = [];
  let more = false;
  const cut = () => {
    names.sort();
    more ||= names.length > heldNames;
    names = names.slice(0, heldNames);
  };
  return {
    add(name: string) {
      if (name <= after) return;
      names.push(name);
      if (names.length >= 2 * heldNames) cut();
    },
    first() {
      cut();
      return { names, more };
    },
  };
}

/** Some file systems do not say in a listing what something is. */
function isUnknown(entry: Dirent): boolean {
  return !entry.isFile() && !entry.isDirectory() && !entry.isSymbolicLink();
}

function* entriesOf(folder: string): Generator<Dirent> {
  const directory = openedOrUndefined(folder);
  if (directory === undefined) return;
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry;
  } finally {
    directory.closeSync();
  }
}

function openedOrUndefined(folder: string): Dir | undefined {
  try {
    return opendirSync(folder, { bufferSize: 256 });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function looked(folder: string, { name }: Dirent): FoundFile | undefined {
  const path = join(folder, name);
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats && { name, path, stats };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
