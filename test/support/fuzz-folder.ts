import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Everything in a folder by its relative path, as text that changes when the entry does. */
export type FolderState = Record<string, string>;

/** The server's own, whatever its clients do. */
const itsOwn = new Set(['janitor-lock', 'clock'].map((name) => join('weir', name)));

/** Names, kinds, contents and, if wanted, the times of change of everything in a folder. */
export async function folderState(folder: string, withTimes: boolean): Promise<FolderState> {
  const state: FolderState = {};
  for (const path of await pathsIn(folder)) {
    if (itsOwn.has(relative(folder, path))) continue;
    const entry = await unlessGone(entryState(path, withTimes));
    if (entry !== undefined) state[relative(folder, path)] = entry;
  }
  return state;
}

async function entryState(path: string, withTimes: boolean): Promise<string> {
  const stats = await lstat(path, { bigint: true });
  const times = withTimes ? ` ${stats.mtimeNs} ${stats.ctimeNs}` : '';
  const content = stats.isFile()
    ? createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    : '';
  return `${stats.mode.toString(8)} ${content}${times}`;
}

/** A server tries now and then whether it can write: what was listed may be gone by the time that it is looked at. */
async function unlessGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where a cache may have something, relative to its volume. */
const places = [
  /^(cas|cas\/objects|cas\/refs|cas\/refs\/heads|tmp|weir)$/,
  /^cas\/objects\/[0-9a-f]{2}(\/[0-9a-f]{62})?$/,
  /^cas\/refs\/heads\/[^/]+(\/[^/]+){0,31}$/,
  /^tmp\/weir-[0-9a-f-]+$/,
  /^tmp\/weir-kept-[0-9a-f]{64}$/,
  /^weir\/(version|scrub|clock|usage|janitor-lock|ballast|incomplete|trash|quarantine|pins|refs|processes|objects|ac|assets|values|chunkings)$/,
  /^weir\/(processes|usage)\/[0-9a-f-]{36}$/,
  /^weir\/objects\/(sha1|sha384|sha512|blake3)(\/[0-9a-f]{2}(\/[0-9a-f]+)?)?$/,
  /^weir\/quarantine\/([a-z0-9]+-)?[0-9a-f]+$/,
  /^weir\/(ac|assets|values|chunkings)\/.+$/,
  /^weir\/pins\/[0-9a-f]{32}$/,
  /^weir\/refs\/[^/]+(\/[^/]+){0,32}$/,
];

/** Fails when the volume has anything where a cache has nothing. */
export async function assertOnlyInPlace(volume: string): Promise<void> {
  for (const path of await pathsIn(volume)) {
    const name = relative(volume, path);
    assert.ok(
      places.some((place) => place.test(name)),
      `${JSON.stringify(name)} has no place on a volume`,
    );
    assert.ok(!(await lstat(path)).isSymbolicLink(), `${name} is a symbolic link`);
  }
}

async function pathsIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    paths.push(path);
    if (entry.isDirectory()) paths.push(...(await pathsIn(path)));
  }
  return paths;
}
