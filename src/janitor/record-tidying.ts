import type { Logger, Observer } from '../core/observer.ts';
import type { Volume } from '../store/volume.ts';
import type { JanitorThread } from './janitor-thread.ts';
import { type LeaseAges, lostLeasesMs } from './lease-ages.ts';
import { repeat, type Repeating } from './repeating.ts';

/** What the tidying of records stands on. */
export interface RecordTidyingParts {
  readonly volume: Volume;
  readonly ages: LeaseAges;
  readonly thread: JanitorThread;
  readonly mayWork: () => boolean;
  readonly observer: Observer;
  readonly logger: Logger;
}

/** A slice works for so long; between two it rests for so many times as long, so that it takes a twentieth of a core. */
const sliceMs = 100;
const restFactor = 20;
/** Between two passes: several in the time that a record must have been seen incomplete for. */
const passesPerAge = 4;
const shortestPauseMs = 1000;
const longestPauseMs = 3_600_000;
/** After a start: what clients ask for then is looked up in code that is not compiled yet, and nothing is due before it was seen twice. */
const longestFirstRestMs = 10_000;
const waitMs = 1000;

/** Begins to look through all records again and again, for those that lead to something which is not here. */
export function startRecordTidying(parts: RecordTidyingParts): Repeating {
  const { volume, ages, thread, mayWork, observer, logger } = parts;
  const pauseMs = Math.max(shortestPauseMs, Math.min(longestPauseMs, ages.evictAgeMs / passesPerAge));
  let lastFailure = '';
  let anew = true;
  let pausedUntil = performance.now() + Math.min(pauseMs, longestFirstRestMs);

  async function work(signal: AbortSignal): Promise<number> {
    if (!mayWork() || lostLeasesMs(volume, ages) > 0) {
      // Whoever does it meanwhile sees other things than we did.
      anew = true;
      return waitMs;
    }
    if (performance.now() < pausedUntil) return waitMs;
    try {
      return await oneSlice();
    } catch (error) {
      if (!signal.aborted) noteFailure(String(error));
      return waitMs * restFactor;
    }
  }

  async function oneSlice(): Promise<number> {
    const begun = performance.now();
    const slice = await thread.run({ kind: 'records', anew, forMs: sliceMs, ages, indexOnly: false });
    anew = false;
    const { looked, waiting, removed, bytes, firstRemoved, failure, done } = slice;
    observer.tidiedRecords({ looked, waiting, removed });
    if (removed > 0) {
      volume.space.shifted({ records: -bytes });
      volume.space.freed(bytes, performance.now() - begun);
      logger.info('removed records that lead to something which has not been here for long', {
        removed,
        firstRemoved,
      });
    }
    if (failure !== undefined) noteFailure(failure);
    if (done) pausedUntil = performance.now() + pauseMs;
    const worked = Math.min(performance.now() - begun, 10 * sliceMs);
    return Math.max(sliceMs, worked * restFactor);
  }

  /** Once, not at every slice. */
  function noteFailure(failure: string): void {
    if (failure !== lastFailure) logger.error('looking through the records failed', { error: failure });
    lastFailure = failure;
  }

  return repeat(work);
}
