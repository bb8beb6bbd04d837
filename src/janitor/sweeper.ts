import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/observer.ts';
import type { Layout } from '../store/layout.ts';
import { sweepMarks } from '../store/process-marks.ts';
import { sweepTemporaryFiles, type TemporaryAges } from '../store/temporary-files.ts';

/** Removes what died with its process: one pass, with a log line when there was something. Returns how many files. */
export async function sweep(
  layout: Layout,
  ages: TemporaryAges,
  clock: Clock,
  logger: Logger,
): Promise<number> {
  await sweepMarks(layout, clock);
  const removed = await sweepTemporaryFiles(layout, ages, clock);
  if (removed > 0) logger.info('removed temporary files that nobody finished', { removed });
  return removed;
}
