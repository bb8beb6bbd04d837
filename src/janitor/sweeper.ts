import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/observer.ts';
import { sweepChunkings } from '../store/chunkings.ts';
import { blobPrefixes, type Layout } from '../store/layout.ts';
import { sweepTemporaryFiles, type TemporaryAges } from '../store/temporary-files.ts';

/** Removes what died with its process or its blob: one pass, with a log line when there was something. Returns how many files. */
export async function sweep(
  layout: Layout,
  ages: TemporaryAges,
  clock: Clock,
  logger: Logger,
): Promise<number> {
  const removed = await sweepTemporaryFiles(layout, ages, clock);
  if (removed > 0) logger.info('removed temporary files that nobody finished', { removed });
  // One folder in 256 each time: there may be many, and nobody waits for it.
  const prefix = blobPrefixes[Math.floor(Math.random() * blobPrefixes.length)] ?? '00';
  const chunkings = await sweepChunkings(layout, prefix, clock);
  if (chunkings > 0) logger.info('removed chunkings of blobs that are gone', { removed: chunkings });
  return removed + chunkings;
}
