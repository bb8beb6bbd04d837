import { lstat, lutimes } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { createNew } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { errnoOf } from './volume-error.ts';

/**
 * The clock that dates the files of a volume: the kernel's, or that of a file server. Ages of files mean something by
 * this clock only. Ours may be another one, and be wrong; so it is compared, by touching a file and looking at its ctime.
 */
export interface VolumeClock {
  /**
   * Milliseconds since 1970, by the volume's clock as far as it is known, else by ours. Never behind: a file seems older
   * rather than younger than it is, so that it is touched once too often rather than once too seldom.
   */
  readonly now: Clock;
  /** Milliseconds by which our clock is ahead of the volume's; negative where it is behind, 0 where that is not known. */
  skewMs(): number;
  /** Whether it is off by more than a tenth of a lease. */
  isOff(): boolean;
  /** Compares again, to be called regularly. A volume that is read-only cannot be asked, and what was known stays. */
  compare(): Promise<void>;
}

/** What the volume's clock said, and ours around that. */
interface Comparison {
  readonly volume: number;
  /** Ours before and after: time of day, and one that nobody sets. */
  readonly begun: Moment;
  readonly ended: Moment;
}

interface Moment {
  readonly wall: number;
  readonly steady: number;
}

/** The kernel dates files by a clock that ticks this seldom, and may be so far behind. Milliseconds. */
const tickMs = 10;
/** Less than this is no reason to worry at any lease. Milliseconds. */
const least = 100;

/** `clock`: ours. Rejects with the error of a system call on a volume that fails. */
export async function volumeClock(layout: Layout, leaseMs: number, clock: Clock): Promise<VolumeClock> {
  let last = await unlessReadOnly(compared(layout, clock));

  /** By the larger of the two: steady time stops while a machine sleeps, time of day may be set back. */
  function now(): number {
    if (last === undefined) return clock();
    const { volume, begun } = last;
    return Math.ceil(volume + Math.max(performance.now() - begun.steady, clock() - begun.wall));
  }

  const skewMs = () => (last === undefined ? 0 : skewOf(last));
  return {
    now,
    skewMs,
    isOff: () => Math.abs(skewMs()) > Math.max(least, leaseMs / 10),
    async compare() {
      last = (await unlessReadOnly(compared(layout, clock))) ?? last;
    },
  };
}

/**
 * The same clock for who removes: never ahead, whatever becomes of ours meanwhile. Rejects with the error of a system
 * call where the volume cannot be asked.
 */
export async function removersClock(layout: Layout): Promise<Clock> {
  const { volume, ended } = await compared(layout, Date.now);
  return () => Math.floor(volume + performance.now() - ended.steady);
}

async function compared(layout: Layout, clock: Clock): Promise<Comparison> {
  const moment = () => ({ wall: clock(), steady: performance.now() });
  const begun = moment();
  await touch(layout, begun.wall / 1000);
  const { ctimeMs } = await lstat(layout.clock);
  return { volume: ctimeMs, begun, ended: moment() };
}

/** On a full volume too: a file that is there takes no room. */
async function touch({ clock: path }: Layout, seconds: number): Promise<void> {
  try {
    await lutimes(path, seconds, seconds);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await createNew(path, 0o600).then(
      (handle) => handle.close(),
      (reason: unknown) => {
        if (errnoOf(reason) !== 'EEXIST') throw reason;
      },
    );
    await lutimes(path, seconds, seconds);
  }
}

async function unlessReadOnly(comparison: Promise<Comparison>): Promise<Comparison | undefined> {
  try {
    return await comparison;
  } catch (error) {
    if (errnoOf(error) === 'EROFS') return undefined;
    throw error;
  }
}

/** The file was dated between our two looks at our clock: what does not fit in there is skew, a slow call is none. */
function skewOf({ volume, begun, ended }: Comparison): number {
  if (volume < begun.wall - tickMs) return begun.wall - volume;
  return Math.min(0, ended.wall - volume);
}
