import { randomUUID } from 'node:crypto';
import type { Logger, Observer } from '../core/observer.ts';
import type { EvictionOutcome } from '../store/eviction.ts';
import { inodesKeptFree, type VolumeUsage } from '../store/shortage.ts';
import type { RoomMade } from '../store/space.ts';
import type { Volume } from '../store/volume.ts';
import type { JanitorThread } from './janitor-thread.ts';
import { type LeaseAges, lostLeasesMs } from './lease-ages.ts';

/** Keeps room on the volume for uploads by removing what was not used for longest. */
export interface Evictor {
  /** For an upload that lacks so many bytes: one pass at a time, whoever asks meanwhile gets the one under way. */
  makeRoom(bytes: number): Promise<RoomMade>;
  stop(): Promise<void>;
}

/** What an evictor stands on. */
export interface EvictorParts {
  readonly volume: Volume;
  readonly ages: LeaseAges;
  readonly indexOnly: boolean;
  readonly thread: JanitorThread;
  /** Whether it makes room by itself; for an upload that asks it always does. */
  readonly mayWork: () => boolean;
  readonly observer: Observer;
  readonly logger: Logger;
}

const lookEveryMs = 1000;
/** Of the inodes: eviction begins when fewer are free, and well before uploads are refused. */
const inodeShareKeptFree = 0.02;
const inodeMargin = 1.5;
/**
 * On a disk where removing a file takes a millisecond the first room is there in a minute, however much has to go.
 * Whoever misses a blob looks into each part that rests, so there should not be many at once.
 */
const filesOfPart = 50_000;
const pauseAfterFailureMs = 3000;
/** Of the quota: eviction begins above the former, so that uploads need not wait, and ends below the latter. */
const quotaShares = { high: 0.9, low: 0.8 };

/** After a pass that freed too little, because the rest is leased: a part of the time until that changes. */
function pauseMs(evictAge: number): number {
  return Math.min(30_000, 500 + evictAge / 20);
}

/** What a pass should free. */
interface Wanted {
  readonly wantedBytes: number;
  readonly wantedFiles: number;
}

/** Begins to watch the room on a volume, and makes it when an upload asks for it. */
export function startEvictor(parts: EvictorParts): Evictor {
  const { volume, ages, indexOnly, thread, mayWork, observer, logger } = parts;
  let passing: Promise<RoomMade> | undefined;
  let notBefore = 0;
  /** What uploads are told that ask before that. */
  let whyWaiting: RoomMade = false;
  let stopped = false;
  let waitsSaid = false;
  let lastFailure = '';

  function mustWait(): boolean {
    const waitMs = lostLeasesMs(volume, ages);
    if (waitMs > 0 && !waitsSaid) {
      logger.warn(
        'the machine went down under a server: nothing is removed until all leases of before are over',
        { seconds: Math.ceil(waitMs / 1000) },
      );
      waitsSaid = true;
    }
    return waitMs > 0;
  }

  /** One pass at a time; true when it has freed something. Whoever comes meanwhile gets the one under way. */
  function pass(wanted: Wanted): Promise<RoomMade> {
    passing ??= onePass(wanted).finally(() => (passing = undefined));
    return passing;
  }

  async function onePass(wanted: Wanted): Promise<RoomMade> {
    if (stopped || mustWait() || volume.clock.isOff()) return 'not-now';
    if (performance.now() < notBefore) return whyWaiting;
    const begun = performance.now();
    const { evictAgeMs, graceMs } = ages;
    observer.evictionPass('began');
    try {
      const plan = { run: randomUUID(), ...wanted, evictAgeMs, graceMs, filesOfPart };
      const { pins, ...outcome } = await thread.run({ kind: 'evict', plan, ages, indexOnly });
      volume.space.pinned(pins);
      volume.space.freed(outcome.bytes, performance.now() - begun);
      observer.evicted(outcome);
      tell(outcome, wanted);
      lastFailure = '';
      return outcome.blobs + outcome.records > 0;
    } catch (error) {
      observer.evictionPass('failed');
      [notBefore, whyWaiting] = [performance.now() + pauseAfterFailureMs, 'not-now'];
      // A volume that stays out of order says so once, not at every pass.
      const failure = String(error);
      if (!stopped && failure !== lastFailure) logger.error('making room failed', { error: failure });
      lastFailure = failure;
      return 'not-now';
    }
  }

  function tell(outcome: EvictionOutcome, wanted: Wanted): void {
    const { blobs, records, bytes } = outcome;
    const short = bytes < wanted.wantedBytes * 0.9 || blobs + records < wanted.wantedFiles * 0.9;
    observer.evictionPass(short ? 'short' : 'enough');
    if (outcome.droppedBallast)
      logger.warn('the volume was completely full: its ballast was given up so that room could be made');
    logger[short ? 'warn' : 'info'](
      short ? 'made less room than wanted: everything else was used too recently, or is pinned' : 'made room',
      { ...outcome, ...wanted },
    );
    if (short) [notBefore, whyWaiting] = [performance.now() + pauseMs(ages.evictAgeMs), false];
  }

  async function wantedNow(): Promise<Wanted | undefined> {
    const { space } = volume;
    const usage = await space.usage();
    const onDisk = wantedRoom(usage, space.headRoom(usage.totalBytes));
    const ofQuota = wantedOfQuota(space.quotaBytes, space.used.atLeast());
    if (onDisk === undefined && ofQuota === undefined) return undefined;
    return {
      wantedBytes: Math.max(onDisk?.wantedBytes ?? 0, ofQuota ?? 0),
      wantedFiles: onDisk?.wantedFiles ?? 0,
    };
  }

  async function look(): Promise<void> {
    if (stopped || passing !== undefined || !mayWork()) return;
    const wanted = await wantedNow();
    if (wanted !== undefined) await pass(wanted);
  }

  async function makeRoom(bytes: number): Promise<RoomMade> {
    thread.begin();
    const wanted = await wantedNow();
    return await pass({
      wantedBytes: Math.max(wanted?.wantedBytes ?? 0, bytes),
      wantedFiles: wanted?.wantedFiles ?? 0,
    });
  }

  volume.space.askForRoom(makeRoom);
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      // As above: once.
      if (String(error) !== lastFailure) logger.error('looking for room failed', { error: String(error) });
      lastFailure = String(error);
    });
  }, lookEveryMs);
  timer.unref();
  return {
    makeRoom,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await passing;
    },
  };
}

/** Undefined while there is room. Eviction begins a quarter of the way above the point where uploads are refused. */
function wantedRoom(
  { totalBytes, freeBytes, totalInodes, freeInodes }: VolumeUsage,
  headRoom: { min: number; max: number },
): Wanted | undefined {
  if (totalBytes === 0) return undefined;
  const lacksBytes = freeBytes < headRoom.min + (headRoom.max - headRoom.min) / 4;
  const inodes = Math.max(totalInodes * inodeShareKeptFree, inodesKeptFree(totalInodes) * inodeMargin);
  const lacksInodes = totalInodes > 0 && freeInodes < inodes;
  if (!lacksBytes && !lacksInodes) return undefined;
  return {
    wantedBytes: lacksBytes ? headRoom.max - freeBytes : 0,
    wantedFiles: lacksInodes ? Math.ceil(2 * inodes - freeInodes) : 0,
  };
}

/** Bytes to free, or undefined while enough of the quota is left. */
function wantedOfQuota(quotaBytes: number | undefined, usedBytes: number): number | undefined {
  if (quotaBytes === undefined || usedBytes <= quotaBytes * quotaShares.high) return undefined;
  return usedBytes - quotaBytes * quotaShares.low;
}
