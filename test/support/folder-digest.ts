import { createHash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** Digest, as HASH/SIZE, of the Directory message for a folder, as clients write it that follow links. */
export async function folderDigest(folder: string): Promise<string> {
  const { hash, sizeBytes } = digestOf(await directoryMessage(folder));
  return `${hash}/${sizeBytes}`;
}

async function directoryMessage(folder: string): Promise<Uint8Array> {
  const directory: Directory = { files: [], directories: [], symlinks: [], nodeProperties: undefined };
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const stats = await stat(path);
    if (stats.isDirectory()) {
      directory.directories.push({ name, digest: digestOf(await directoryMessage(path)) });
    } else {
      const isExecutable = (stats.mode & 0o100) !== 0;
      const digest = digestOf(await readFile(path));
      directory.files.push({ name, digest, isExecutable, nodeProperties: undefined });
    }
  }
  return Directory.encode(directory).finish();
}

function digestOf(bytes: Uint8Array): { hash: string; sizeBytes: bigint } {
  return { hash: createHash('sha256').update(bytes).digest('hex'), sizeBytes: BigInt(bytes.length) };
}
