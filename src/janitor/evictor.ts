import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Logger, Observer } from '../core/observer.ts';
import type { EvictionOutcome, EvictionPlan } from '../store/eviction.ts';
import type { VolumeUsage } from '../store/space.ts';
import type { Volume } from '../store/volume.ts';
import type { EvictionTask } from './eviction-worker.ts';

/** How long blobs are promised. Milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly coalesceMs: number;
}

/** Keeps room on the volume for uploads by removing what was not used for longest. */
export interface Evictor {
  /** Somebody was refused for want of room: look now. */
  lookNow(): void;
  /** Ends a pass under way; what rests in the trash is finished by the next one, here or elsewhere. */
  stop(): Promise<void>;
}

const lookEveryMs = 5000;
const longestGraceMs = 30_000;
const abandonedAfterMs = 600_000;
/** Of the inodes: eviction begins below, so that uploads need not be refused. */
const inodeShareKeptFree = 0.02;

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

/** Begins to watch the room on a volume. */
export function startEvictor(volume: Volume, lease: LeaseTimes, observer: Observer, logger: Logger): Evictor {
  let working: Promise<void> | undefined;
  let worker: Worker | undefined;
  let notBefore = 0;
  let stopped = false;

  async function look(): Promise<void> {
    const usage = await volume.space.usage();
    const wanted = wantedRoom(usage, volume.space.headRoom(usage.totalBytes));
    if (wanted === undefined || stopped) return;
    const evictAge = evictAgeMs(lease);
    // After a power cut the last touches may be lost with the memory they were in.
    if (uptime() * 1000 < evictAge) return;
    const plan: EvictionPlan = {
      run: randomUUID(),
      ...wanted,
      evictAgeMs: evictAge,
      graceMs: graceMs(lease.leaseMs),
    };
    const outcome = await pass(plan);
    if (outcome === undefined) return;
    observer.evicted(outcome);
    const short = outcome.bytes < wanted.wantedBytes * 0.9;
    logger[short ? 'warn' : 'info'](
      short ? 'made less room than wanted: everything else was used too recently' : 'made room',
      { ...outcome, ...wanted },
    );
    if (short) notBefore = performance.now() + pauseMs(evictAge);
  }

  async function pass(plan: EvictionPlan): Promise<EvictionOutcome | undefined> {
    const task: EvictionTask = { root: volume.layout.root, plan, abandonedAfterMs };
    const file = new URL(
      `./eviction-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
      import.meta.url,
    );
    worker = new Worker(file, { workerData: task });
    try {
      return await new Promise((resolve, reject) => {
        worker
          ?.once('message', resolve)
          .once('error', reject)
          .once('exit', () => resolve(undefined));
      });
    } finally {
      worker = undefined;
    }
  }

  function lookNow(): void {
    if (stopped || working !== undefined || performance.now() < notBefore) return;
    working = look()
      .catch((error: unknown) => logger.error('making room failed', { error: String(error) }))
      .finally(() => (working = undefined));
  }

  const timer = setInterval(lookNow, lookEveryMs);
  timer.unref();
  lookNow();
  return {
    lookNow,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await worker?.terminate();
      await working;
    },
  };
}

/** Undefined while there is room. Eviction begins a quarter of the way above the point where uploads are refused. */
function wantedRoom(
  { totalBytes, freeBytes, totalInodes, freeInodes }: VolumeUsage,
  headRoom: { min: number; max: number },
): { wantedBytes: number; wantedFiles: number } | undefined {
  if (totalBytes === 0) return undefined;
  const lacksBytes = freeBytes < headRoom.min + (headRoom.max - headRoom.min) / 4;
  const lacksInodes = totalInodes > 0 && freeInodes < totalInodes * inodeShareKeptFree;
  if (!lacksBytes && !lacksInodes) return undefined;
  return {
    wantedBytes: lacksBytes ? headRoom.max - freeBytes : 0,
    wantedFiles: lacksInodes ? Math.ceil(2 * totalInodes * inodeShareKeptFree - freeInodes) : 0,
  };
}
