import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import type { Logger, Observer } from '../core/observer.ts';
import type { EvictionOutcome, EvictionPlan } from '../store/eviction.ts';
import type { VolumeUsage } from '../store/space.ts';
import type { Volume } from '../store/volume.ts';
import type { JanitorThread } from './janitor-thread.ts';

/** How long blobs are promised. Milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly coalesceMs: number;
}

/** Keeps room on the volume for uploads by removing what was not used for longest. */
export interface Evictor {
  stop(): Promise<void>;
}

const lookEveryMs = 1000;
const longestGraceMs = 30_000;
const abandonedAfterMs = 600_000;
/** Of the inodes: eviction begins below, so that uploads need not be refused. */
const inodeShareKeptFree = 0.02;
/** Of the quota: eviction begins above the former, so that uploads need not wait, and ends below the latter. */
const quotaShares = { high: 0.9, low: 0.8 };

/** How long a blob must not have been used before it may go: never the lease alone, for a skipped touch may have used part of it. */
function evictAgeMs({ leaseMs, coalesceMs }: LeaseTimes): number {
  const grace = graceMs(leaseMs);
  return leaseMs + coalesceMs + 2 * grace;
}

function graceMs(leaseMs: number): number {
  return Math.min(longestGraceMs, 1000 + leaseMs / 60);
}

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
export function startEvictor(
  volume: Volume,
  lease: LeaseTimes,
  thread: JanitorThread,
  observer: Observer,
  logger: Logger,
): Evictor {
  const evictAge = evictAgeMs(lease);
  let passing: Promise<boolean> | undefined;
  let notBefore = 0;
  let stopped = false;
  let waitsSaid = false;

  /** After a power cut the last touches may be lost with the memory they were in. */
  function mustWait(): boolean {
    const waits = volume.cutOff && uptime() * 1000 < evictAge;
    if (waits && !waitsSaid) {
      logger.warn(
        'the machine went down under a server: nothing is removed until all leases of before are over',
        {
          seconds: Math.ceil(evictAge / 1000 - uptime()),
        },
      );
      waitsSaid = true;
    }
    return waits;
  }

  /** One pass at a time; true when it has freed something. Whoever comes meanwhile gets the one under way. */
  function pass(wanted: Wanted): Promise<boolean> {
    passing ??= onePass(wanted)
      .catch((error: unknown) => {
        if (!stopped) logger.error('making room failed', { error: String(error) });
        return false;
      })
      .finally(() => (passing = undefined));
    return passing;
  }

  async function onePass(wanted: Wanted): Promise<boolean> {
    if (stopped || performance.now() < notBefore || mustWait() || volume.clock.isOff()) return false;
    const plan: EvictionPlan = {
      run: randomUUID(),
      ...wanted,
      evictAgeMs: evictAge,
      graceMs: graceMs(lease.leaseMs),
    };
    const outcome = await thread.run({ kind: 'evict', plan, abandonedAfterMs });
    volume.space.freed(outcome.bytes);
    observer.evicted(outcome);
    tell(outcome, wanted);
    return outcome.bytes > 0;
  }

  function tell(outcome: EvictionOutcome, wanted: Wanted): void {
    const short = outcome.bytes < wanted.wantedBytes * 0.9;
    logger[short ? 'warn' : 'info'](
      short ? 'made less room than wanted: everything else was used too recently' : 'made room',
      { ...outcome, ...wanted },
    );
    if (short) notBefore = performance.now() + pauseMs(evictAge);
  }

  async function wantedNow(): Promise<Wanted | undefined> {
    const { space } = volume;
    const usage = await space.usage();
    const onDisk = wantedRoom(usage, space.headRoom(usage.totalBytes));
    const ofQuota = wantedOfQuota(space.quotaBytes, space.used.current());
    if (onDisk === undefined && ofQuota === undefined) return undefined;
    return {
      wantedBytes: Math.max(onDisk?.wantedBytes ?? 0, ofQuota ?? 0),
      wantedFiles: onDisk?.wantedFiles ?? 0,
    };
  }

  async function look(): Promise<void> {
    if (stopped || passing !== undefined) return;
    const wanted = await wantedNow();
    if (wanted !== undefined) await pass(wanted);
  }

  volume.space.askForRoom(async (bytes) => {
    const wanted = await wantedNow();
    return await pass({
      wantedBytes: Math.max(wanted?.wantedBytes ?? 0, bytes),
      wantedFiles: wanted?.wantedFiles ?? 0,
    });
  });
  const timer = setInterval(() => {
    look().catch((error: unknown) => logger.error('looking for room failed', { error: String(error) }));
  }, lookEveryMs);
  timer.unref();
  return {
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
  const lacksInodes = totalInodes > 0 && freeInodes < totalInodes * inodeShareKeptFree;
  if (!lacksBytes && !lacksInodes) return undefined;
  return {
    wantedBytes: lacksBytes ? headRoom.max - freeBytes : 0,
    wantedFiles: lacksInodes ? Math.ceil(2 * totalInodes * inodeShareKeptFree - freeInodes) : 0,
  };
}

/** Bytes to free, or undefined while enough of the quota is left. */
function wantedOfQuota(quotaBytes: number | undefined, usedBytes: number): number | undefined {
  if (quotaBytes === undefined || usedBytes <= quotaBytes * quotaShares.high) return undefined;
  return usedBytes - quotaBytes * quotaShares.low;
}
