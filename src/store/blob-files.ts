import { type Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobName, parseBlobName } from '../core/digest.ts';
import { digestFunctions } from '../core/digest-function.ts';
import type { Layout } from './layout.ts';
import { isAbsent } from './volume-error.ts';

/** Something in a folder of blobs. */
export interface BlobFile {
  readonly path: string;
  /** Undefined for what is no blob: nobody of us has put it there. */
  readonly name: BlobName | undefined;
}

/** What is in the folders of one prefix, those of all digest functions; in constant memory, and without a look at any file. */
export async function* blobFiles(layout: Layout, prefix: string): AsyncGenerator<BlobFile> {
  for (const digestFunction of digestFunctions) {
    const folder = join(layout.objectsOf(digestFunction), prefix);
    const begin = digestFunction === 'sha256' ? '' : `${digestFunction}-`;
    for await (const entry of entriesIn(folder)) {
      const name = entry.isFile() ? parseBlobName(begin + prefix + entry.name) : undefined;
      yield { path: join(folder, entry.name), name };
    }
  }
}

/** The entries of a folder one after the other; none when it is not there. */
export async function* entriesIn(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** All that is no folder below one, without recursion: a hostile depth costs no stack. */
export async function* pathsBelow(root: string): AsyncGenerator<{ path: string; isFile: boolean }> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of entriesIn(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else yield { path, isFile: entry.isFile() };
    }
  }
}
