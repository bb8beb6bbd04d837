import { type AppOptions, canPush, leaseOf } from './app-options.ts';
import type { Clock } from './core/clock.ts';
import type { BlobName } from './core/digest.ts';
import type { Logger, Observer } from './core/observer.ts';
import { startBackgroundScrub } from './janitor/background-scrub.ts';
import { startClockWatch } from './janitor/clock-watch.ts';
import { startJanitor } from './janitor/janitor.ts';
import { janitorThread } from './janitor/janitor-thread.ts';
import { startMeasurer } from './janitor/measurer.ts';
import { sweepQuarantine } from './janitor/quarantine-sweeper.ts';
import { every } from './janitor/repeating.ts';
import { doubtScrubber } from './janitor/scrubber.ts';
import type { RoomMade, Space } from './store/space.ts';
import type { Volume } from './store/volume.ts';

/** What goes on beside the calls: once for a server, whatever number of processes answers them. */
export interface Upkeep {
  /** Whether all blobs are read again and again. */
  readonly scrubs: boolean;
  /** Lets what goes on in a thread begin soon: its code is loaded then, and first calls are not to wait for that. */
  begin(): void;
  /** A blob is to be looked at. */
  doubt(blob: BlobName): void;
  /** Makes room for so many bytes, if it can. */
  makeRoom(bytes: number): Promise<RoomMade>;
  /** Measures some folders, or `everything`, where there is a quota. */
  measure(everything: boolean): Promise<void>;
  /** Lets another server's do what one suffices for; room for uploads is made still. */
  yield(): Promise<void>;
  stop(): Promise<void>;
}

/** What it stands on. */
export interface UpkeepParts {
  readonly volume: Volume;
  /** The volume's, or one that others measure with. */
  readonly measuredSpace: Pick<Space, 'beginMeasuring' | 'askForMeasuring' | 'used'>;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
}

const hour = 3_600_000;
const spaceEveryMs = 30_000;
const quarantineEveryMs = 30_000;
/** First calls have a server's start for themselves for so long. */
const quietMs = 3000;

export function startUpkeep(options: AppOptions, parts: UpkeepParts): Upkeep {
  const { volume, measuredSpace, clock, observer, logger } = parts;
  const { layout, space } = volume;
  const { ballastBytes } = options;
  const { indexOnly, quotaBytes } = options.volume;
  const bytesPerSecond = options.scrubBytesPerSecond;
  const clockWatch = startClockWatch(volume.clock, options.leaseMs, logger);
  const thread = janitorThread(layout.root, (steps) => {
    space.shifted(steps.shift);
    observer.evictionStepped(steps);
  });
  const measurer = quotaBytes === undefined ? undefined : startMeasurer(thread, measuredSpace, logger);
  const pushed = canPush(options);
  const janitor = pushed
    ? startJanitor({
        volume,
        lease: leaseOf(options),
        temporaryAges: { own: hour, kept: options.uploadResumeMs, foreign: 24 * hour },
        ballastBytes,
        indexOnly,
        thread,
        clock: volume.clock.now,
        observer,
        logger,
      })
    : undefined;
  const scrubber = pushed ? doubtScrubber(layout, observer, logger) : undefined;
  const scrub =
    pushed && bytesPerSecond > 0
      ? startBackgroundScrub({ layout, thread, bytesPerSecond, clock, observer, logger })
      : undefined;
  const repeated = [
    every(hour, () => volume.renewMark(), logger),
    every(spaceEveryMs, () => space.renew(), logger),
    ...(pushed ? [every(quarantineEveryMs, () => sweepQuarantine(volume, clock, logger), logger)] : []),
  ];
  let quiet: NodeJS.Timeout | undefined;
  return {
    scrubs: scrub !== undefined,
    begin() {
      // Until it has been measured, nobody knows how full a quota is.
      if (measurer === undefined) quiet = setTimeout(() => thread.begin(), quietMs).unref();
      else thread.begin();
    },
    doubt: (blob) => scrubber?.doubt(blob),
    makeRoom: async (bytes) => (await janitor?.makeRoom(bytes)) ?? 'not-now',
    measure: async (everything) => await measurer?.measure(everything),
    async yield() {
      await Promise.all([janitor?.yield(), scrub?.stop()]);
    },
    async stop() {
      clearTimeout(quiet);
      for (const each of repeated) void each.stop();
      measurer?.stop();
      // What is under way in the thread is cut, and nobody complains of it.
      const janitorEnded = janitor?.stop();
      await thread.stop();
      await janitorEnded;
      clockWatch.stop();
      await scrubber?.stop();
    },
  };
}
