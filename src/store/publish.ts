import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { blobName, type Digest, emptyDigest } from '../core/digest.ts';
import { blobMode, discard, renameOver, withFolder } from './durable-file.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { errnoOf } from './volume-error.ts';

/** File systems without hard links say it in one of these words. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Makes a verified temporary file the blob's file, and takes the temporary name away.
 *
 * Linking comes first, because it never replaces: the file that is there may already be on disk and
 * reached by a reference, while ours is still only in memory and a power cut would lose both. Only a
 * file of the wrong size is renamed over. False when the blob was there already.
 */
export async function publishBlob(
  calls: FileCalls,
  layout: Layout,
  leases: Leases,
  temporary: string,
  digest: Digest,
): Promise<boolean> {
  const target = layout.blob(blobName(digest));
  let isNew = await linkUnlessPresent(calls, temporary, target);
  if (!isNew && (await leases.touch(digest)) === undefined) {
    await renameOver(temporary, target);
    isNew = true;
  }
  if (isNew) leases.stored(digest);
  await calls.discard(temporary);
  return isNew;
}

/** BuildStream expects the blob of no bytes as a file. Making it does all that an upload does; errors are those of the calls. */
export async function publishEmptyBlob(
  calls: FileCalls,
  layout: Layout,
  digest: Digest = emptyDigest,
): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  try {
    await calls.writeNew(temporary, new Uint8Array(), blobMode);
    await linkUnlessPresent(calls, temporary, layout.blob(blobName(digest)));
  } finally {
    await discard(temporary).catch(() => {});
  }
}

/**
 * Gives a temporary file its name unless that exists; false if it does. On file systems without
 * links it is renamed instead, after a look.
 */
async function linkUnlessPresent(calls: FileCalls, temporary: string, target: string): Promise<boolean> {
  return await withFolder(target, async () => {
    try {
      return await calls.link(temporary, target);
    } catch (error) {
      if (!noLinks.has(errnoOf(error))) throw error;
    }
    if ((await calls.stat(target)) !== undefined) return false;
    await rename(temporary, target);
    return true;
  });
}
