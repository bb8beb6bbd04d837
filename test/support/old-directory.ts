import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Acknowledged } from './acknowledged.ts';
import { directoryBlob } from './trees.ts';
import { randomBlob } from './wire.ts';

/** A directory as BuildStream's own server leaves it: a reference, and the blobs that it reaches. */
export async function oldDirectory(folder: string, key: string): Promise<Acknowledged> {
  const [small, large] = [randomBlob(3000), randomBlob(700_000)];
  const root = directoryBlob({ small, large });
  for (const { digest, data } of [small, large, root])
    await put(join(folder, 'cas/objects', digest.hash.slice(0, 2), digest.hash.slice(2)), data);
  await put(join(folder, 'cas/refs/heads', key), Digest.encode(root.digest).finish());
  return { key, root: root.digest, files: [small.digest, large.digest] };
}

async function put(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}
