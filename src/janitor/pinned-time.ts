import type { Clock } from '../core/clock.ts';
import type { Layout } from '../store/layout.ts';
import { keepPins, type PinsKept } from '../store/pin-keeping.ts';
import { removersClock } from '../store/volume-clock.ts';
import type { LeaseAges } from './lease-ages.ts';

/** The time by which a janitor removes things. */
export interface PinnedTime {
  /**
   * Leases what is pinned, unless that was done a short while ago, and gives a clock that stands still at the moment before. By that clock
   * nothing that is pinned is old enough to go, however long the janitor takes. Rejects while the volume fails under what is pinned, until
   * that has lasted for as long as anything stays that nobody uses.
   */
  renewed(ages: LeaseAges, indexOnly: boolean): Promise<{ readonly clock: Clock; readonly pins: PinsKept }>;
}

interface Renewal {
  readonly clock: Clock;
  readonly pins: PinsKept;
  readonly restsUntil: number;
}

/** Of a lease, at most: by a clock that stands for so long, what nobody uses goes so much later. */
const longestRest = 1 / 3;
const usualRest = 1 / 60;
/** After pins that are much work, the thread has time for other things. */
const restFactor = 20;

export function pinnedTime(layout: Layout): PinnedTime {
  let last: Renewal | undefined;
  let renewing: Promise<Renewal> | undefined;
  let failingSince: number | undefined;

  async function renew(ages: LeaseAges, indexOnly: boolean): Promise<Renewal> {
    const { leaseMs, coalesceMs } = ages;
    const begun = performance.now();
    // Whoever is older than this by its file's times was not touched since; all that is pinned will be.
    const moment = (await removersClock(layout))();
    const pins = await keepPins(layout, { coalesceMs, indexOnly });
    expectKept(pins, begun, ages);
    const tookMs = performance.now() - begun;
    const areNone = pins.whole + pins.incomplete === 0;
    const restMs = areNone
      ? 0
      : Math.min(leaseMs * longestRest, Math.max(leaseMs * usualRest, tookMs * restFactor));
    return { clock: () => moment, pins, restsUntil: begun + restMs };
  }

  /** A disk that fails for a moment must cost no pin, and a sector that is bad for good must not stop uploads for ever. */
  function expectKept({ failed, troubles }: PinsKept, now: number, { evictAgeMs }: LeaseAges): void {
    if (failed === 0) failingSince = undefined;
    else failingSince ??= now;
    if (failingSince === undefined || now - failingSince >= evictAgeMs) return;
    throw new Error(`some of what is pinned could not be leased: ${troubles.join('; ')}`);
  }

  return {
    async renewed(ages, indexOnly) {
      if (last !== undefined && performance.now() < last.restsUntil) return last;
      renewing ??= renew(ages, indexOnly).finally(() => (renewing = undefined));
      last = await renewing;
      return last;
    },
  };
}
