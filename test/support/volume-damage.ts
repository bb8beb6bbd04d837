import { lstat, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hashing } from './action-samples.ts';
import type { Blob } from './wire.ts';

/** Where a blob's file is. */
export function blobFile(volume: string, { digest: { hash } }: Blob, hashing: Hashing = 'sha256'): string {
  const objects = hashing === 'sha256' ? ['cas', 'objects'] : ['weir', 'objects', hashing];
  return join(volume, ...objects, hash.slice(0, 2), hash.slice(2));
}

/** Where it goes when its bytes are wrong. */
export function quarantinedFile(volume: string, { digest: { hash } }: Blob, hashing: Hashing = 'sha256') {
  return join(volume, 'weir', 'quarantine', hashing === 'sha256' ? hash : `${hashing}-${hash}`);
}

/** What disks and file systems do to files that were right. */
export const rot: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'a bit flip': async (path) => {
    const bytes = await readFile(path);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(path, bytes);
  },
  'a truncation': async (path) => await truncate(path, Math.floor((await lstat(path)).size / 2)),
  'a truncation to nothing': async (path) => await truncate(path, 0),
  'a zero fill': async (path) => await writeFile(path, Buffer.alloc((await lstat(path)).size)),
  'another file in its place': async (path) => {
    await writeFile(`${path}.new`, 'other bytes');
    await rename(`${path}.new`, path);
  },
};

export async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** All that shows that a file was used or changed. */
export async function traces(path: string) {
  const { ino, size, mode, atimeMs, mtimeMs, ctimeMs } = await lstat(path);
  return { ino, size, mode, atimeMs, mtimeMs, ctimeMs };
}
