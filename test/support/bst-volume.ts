// The volume seen from outside, to look at what a push left there and to damage it the way disks,
// operators and other servers do. Only facts of BuildStream's own layout are used.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Digest, Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Content } from './bst-project.ts';

/** Every reference on the volume: project/element/key. */
export async function references(volume: string): Promise<string[]> {
  const heads = join(volume, 'cas', 'refs', 'heads');
  const entries = await readdir(heads, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(heads.length + 1))
    .sort();
}

export function referencePath(volume: string, reference: string): string {
  return join(volume, 'cas', 'refs', 'heads', reference);
}

/** Path of the blob with these contents. */
export function blobPath(volume: string, content: Content): string {
  return objectPath(volume, createHash('sha256').update(content).digest('hex'));
}

/** Path of the blob that describes a folder of the artifact, for example `files/share`. */
export async function directoryPath(volume: string, reference: string, folder: string): Promise<string> {
  let path = objectPath(volume, Digest.decode(await readFile(referencePath(volume, reference))).hash);
  for (const name of folder.split('/')) {
    const { directories } = Directory.decode(await readFile(path));
    const digest = directories.find((node) => node.name === name)?.digest;
    if (digest === undefined) throw new Error(`${reference} has no folder ${folder}`);
    path = objectPath(volume, digest.hash);
  }
  return path;
}

/** Everything below cas/, as path -> contents hash: two equal answers are two equal caches. */
export async function blobHashes(volume: string): Promise<string[]> {
  const objects = join(volume, 'cas', 'objects');
  const entries = await readdir(objects, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(objects.length + 1)
        .replace('/', ''),
    )
    .sort();
}

export const damage = {
  lose: (path: string): Promise<void> => rm(path),
  truncate: (path: string): Promise<void> => truncate(path, 1),
  empty: (path: string): Promise<void> => truncate(path, 0),
  /** Other bytes, same size. */
  async corrupt(path: string): Promise<void> {
    const bytes = await readFile(path);
    await writeFile(
      path,
      bytes.map((byte) => byte ^ 0xff),
    );
  },
};

function objectPath(volume: string, hash: string): string {
  return join(volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
}
