import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/observer.ts';
import type { Layout } from '../store/layout.ts';
import { emptyQuarantine } from '../store/quarantine.ts';
import type { Space } from '../store/space.ts';

/** Long enough for somebody to look at a disk after a weekend. */
const keptMs = 7 * 24 * 3_600_000;
/** Of what the cache may take: damaged blobs are of no use, and must not push out others. */
const share = 0.01;
/** For a file system that does not say how large it is. */
const otherwiseBytes = 1e9;

/** Removes what has been in the quarantine for a week, and the oldest of more than a hundredth of the room: one pass. */
export async function sweepQuarantine(
  { layout, space }: { layout: Layout; space: Space },
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const room = space.quotaBytes ?? (await space.usage()).totalBytes;
  const bytes = room === 0 ? otherwiseBytes : room * share;
  const begun = performance.now();
  const removed = await emptyQuarantine(layout, { ageMs: keptMs, bytes }, clock);
  if (removed.blobs === 0) return;
  space.shifted({ transit: -removed.bytes });
  space.freed(removed.bytes, performance.now() - begun);
  logger.info('removed damaged blobs that had been set aside', removed);
}
