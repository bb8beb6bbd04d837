import type { Clock } from '../core/clock.ts';
import type { Logger, Observer } from '../core/observer.ts';
import { ballastBytes, ballastSize, forgoBallast, makeBallast } from '../store/ballast.ts';
import type { TemporaryAges } from '../store/temporary-files.ts';
import type { Volume } from '../store/volume.ts';
import type { JanitorThread } from './janitor-thread.ts';
import { type LeaseAges, lostLeasesMs } from './lease-ages.ts';
import { repeat, type Repeating } from './repeating.ts';
import { sweep } from './sweeper.ts';

/** What the housekeeping stands on. */
export interface HousekeepingParts {
  readonly volume: Volume;
  readonly ages: LeaseAges;
  readonly temporaryAges: TemporaryAges;
  /** Bytes of the ballast; undefined: as many as fit the volume. */
  readonly ballastBytes: number | undefined;
  readonly thread: JanitorThread;
  readonly mayWork: () => boolean;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
}

const everyMs = 1000;
const finishEveryMs = 5000;
const sweepEveryMs = 30_000;
/** A server that is only tried out ends before that. */
const ballastEveryMs = 10_000;

/** Begins to finish what dead janitors and uploads have left, and to look after the ballast. */
export function startHousekeeping(parts: HousekeepingParts): Repeating {
  const { mayWork, logger } = parts;
  const chores = [
    chore(0, finishEveryMs, () => finish(parts)),
    chore(0, sweepEveryMs, () => sweepUp(parts)),
    chore(ballastEveryMs, ballastEveryMs, () => lookAfterBallast(parts)),
  ];
  return repeat(async (signal) => {
    if (mayWork()) for (const chore of chores) await chore(signal, logger);
    return everyMs;
  });
}

/** Works when its time has come, and says when that failed. */
function chore(firstAfterMs: number, thenEveryMs: number, work: () => Promise<void>) {
  let next = performance.now() + firstAfterMs;
  let lastFailure = '';
  return async (signal: AbortSignal, logger: Logger): Promise<void> => {
    if (performance.now() < next || signal.aborted) return;
    next = performance.now() + thenEveryMs;
    try {
      await work();
      lastFailure = '';
    } catch (error) {
      // A volume that stays out of order says so once.
      const failure = String(error);
      if (!signal.aborted && failure !== lastFailure) logger.error('maintenance failed', { error: failure });
      lastFailure = failure;
    }
  };
}

async function finish({ volume, ages, thread, observer, logger }: HousekeepingParts): Promise<void> {
  if (lostLeasesMs(volume, ages) > 0) return;
  const begun = performance.now();
  const finished = await thread.run({ kind: 'finish', ages });
  observer.trashRuns(finished.runsLeft);
  const { blobs, records, bytes, returned } = finished;
  if (blobs + records + returned === 0) return;
  volume.space.freed(bytes, performance.now() - begun);
  observer.evicted(finished);
  logger.info('finished what another janitor has left in the trash', { blobs, records, bytes, returned });
}

async function sweepUp({ volume, temporaryAges, clock, observer, logger }: HousekeepingParts): Promise<void> {
  observer.swept(await sweep(volume.layout, temporaryAges, clock, logger));
}

/** Makes it where that takes no room from uploads, and eviction need not begin for it. */
async function lookAfterBallast(parts: HousekeepingParts): Promise<void> {
  const { volume, observer, logger } = parts;
  const { layout, space } = volume;
  const { totalBytes, freeBytes } = await space.usage();
  const wanted = ballastSize(totalBytes, space.quotaBytes, parts.ballastBytes);
  const there = await ballastBytes(layout);
  const { min, max } = space.headRoom(totalBytes);
  if (wanted === 0) await forgoBallast(layout);
  else if (there < wanted * 0.9 && freeBytes - wanted > (min + max) / 2) {
    await makeBallast(layout, wanted);
    logger.info('made the ballast, which is given up when the volume is completely full', { bytes: wanted });
  }
  observer.ballast(await ballastBytes(layout));
}
