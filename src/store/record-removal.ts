import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { discard } from './durable-file.ts';
import { recordTrashName } from './evictable.ts';
import type { Layout } from './layout.ts';
import { moveUnlessReplaced } from './quarantine.ts';
import { dropSuperseded } from './superseded.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** What became of a record; `kept`: by now somebody has used it, or written it anew. */
export type Removal = 'removed' | 'kept' | 'absent';

/**
 * Removes a record for good, whoever has used it lately, if it still is what `isWanted` wants. Who has read it has it whole, and the
 * blobs that it led to stay. Rejects with a CacheError.
 */
export async function removeRecordIf(
  layout: Layout,
  path: string,
  isWanted: (stats: Stats) => boolean,
): Promise<Removal> {
  try {
    const stats = await lstat(path);
    if (!stats.isFile() || !isWanted(stats)) return 'kept';
    return (await removeRecord(layout, path, stats.ino)) ? 'removed' : 'kept';
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw volumeError(error, 'removing a record');
  }
}

/** False when somebody has written it anew meanwhile. Errors are those of the system calls. */
export async function removeRecord(layout: Layout, path: string, ino: number): Promise<boolean> {
  const aside = layout.temporaryFile(randomUUID());
  dropSuperseded(layout, path, recordTrashName(layout, path));
  if (!moveUnlessReplaced(path, aside, ino)) return false;
  await discard(aside);
  return true;
}
