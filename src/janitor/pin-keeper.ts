import type { Logger, Observer } from '../core/observer.ts';
import type { PinsKept } from '../store/pin-keeping.ts';
import type { Volume } from '../store/volume.ts';
import type { JanitorThread } from './janitor-thread.ts';
import type { LeaseAges } from './lease-ages.ts';
import { repeat, type Repeating } from './repeating.ts';

/** What the keeping of pins stands on. */
export interface PinKeeperParts {
  readonly volume: Volume;
  readonly ages: LeaseAges;
  readonly indexOnly: boolean;
  readonly thread: JanitorThread;
  readonly mayWork: () => boolean;
  readonly observer: Observer;
  readonly logger: Logger;
}

/** Pins are leased anew three times in a lease, and sooner, so that figures are of some use; this often at most. Milliseconds. */
const perLease = 3;
const longestRestMs = 60_000;
const shortestRestMs = 500;
const restFactor = 20;
const waitMs = 1000;

/**
 * Begins to lease all that is pinned, again and again. Each pass of eviction does so too, before it looks at anything:
 * this is for servers that know no pins, for those who read metrics, and so that passes find little left to do.
 */
export function startPinKeeper(parts: PinKeeperParts): Repeating {
  const { ages, indexOnly, thread, mayWork, logger } = parts;
  const note = pinNotes(parts);
  const longest = Math.max(shortestRestMs, Math.min(longestRestMs, ages.leaseMs / perLease));
  let lastFailure = '';

  return repeat(async (signal) => {
    if (!mayWork()) return waitMs;
    const begun = performance.now();
    try {
      note(await thread.run({ kind: 'pins', ages, indexOnly }));
      lastFailure = '';
    } catch (error) {
      // A volume that stays out of order says so once.
      const failure = String(error);
      if (!signal.aborted && failure !== lastFailure)
        logger.error('keeping what is pinned failed', { error: failure });
      lastFailure = failure;
    }
    const worked = performance.now() - begun;
    return Math.min(
      Math.max(longest, worked * restFactor),
      Math.max(shortestRestMs, ages.leaseMs / perLease),
    );
  });
}

/** Tells metrics, uploads and the log what came of pins; the log only what is new. */
function pinNotes({
  volume,
  observer,
  logger,
}: Pick<PinKeeperParts, 'volume' | 'observer' | 'logger'>): (pins: PinsKept) => void {
  let told = '';
  return ({ troubles, ...counts }) => {
    observer.pinned(counts);
    volume.space.pinned(counts);
    const now = [counts.incomplete, counts.unreadable, ...troubles].join('\n');
    if (now === told) return;
    told = now;
    if (troubles.length > 0)
      logger.warn('some of what is pinned is not whole: push it again, or unpin it', {
        incomplete: counts.incomplete,
        unreadable: counts.unreadable,
        first: troubles,
      });
  };
}
