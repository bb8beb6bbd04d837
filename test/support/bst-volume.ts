// The volume seen from outside, to look at what a push left there and to damage it the way disks,
// operators and other servers do. Only facts of BuildStream's own layout are used.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
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

/** Hashes of all blobs. */
export async function blobHashes(volume: string): Promise<string[]> {
  const objects = join(volume, 'cas', 'objects');
  const entries = await readdir(objects, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(objects.length + 1)
        .replace('/', ''),
    )
    .sort();
}

/** Nothing is below cas/objects but blobs under the hash of their contents. */
export async function assertBlobsWhole(volume: string): Promise<void> {
  for (const name of await blobHashes(volume)) {
    const hash = createHash('sha256').update(await readFile(objectPath(volume, name)));
    assert.equal(hash.digest('hex'), name, 'a blob whose contents do not have the hash of its name');
  }
}

/** Every reference is a file as BuildStream writes it: one Digest, of a blob that is there. */
export async function assertReferencesWhole(volume: string): Promise<void> {
  for (const reference of await references(volume)) {
    const bytes = await readFile(referencePath(volume, reference));
    const { hash, sizeBytes } = Digest.decode(bytes);
    assert.deepEqual(Digest.encode({ hash, sizeBytes }).finish(), new Uint8Array(bytes));
    assert.equal(BigInt((await stat(objectPath(volume, hash))).size), sizeBytes, reference);
  }
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
