import { uptime } from 'node:os';
import { shortestGraceMs } from '../store/trash.ts';
import type { Volume } from '../store/volume.ts';

/** How long blobs are promised. Milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly coalesceMs: number;
}

/** What follows for whoever removes something. Milliseconds. */
export interface LeaseAges extends LeaseTimes {
  /** How long something must not have been used before it may go: never the lease alone, for a skipped touch may have used part of it. */
  readonly evictAgeMs: number;
  /** How long what goes rests in the trash, where a reader can still bring it back. */
  readonly graceMs: number;
  /** A run in the trash in which nothing has moved for so long is finished by another janitor. */
  readonly abandonedAfterMs: number;
}

const longestGraceMs = 30_000;
/** A janitor may be slow, and it is no haste: what a dead one has left takes room, and nothing else. */
const slowJanitorMs = 5000;

export function leaseAges({ leaseMs, coalesceMs }: LeaseTimes): LeaseAges {
  const graceMs = Math.min(longestGraceMs, shortestGraceMs + leaseMs / 60);
  return {
    leaseMs,
    coalesceMs,
    evictAgeMs: leaseMs + coalesceMs + 2 * graceMs,
    graceMs,
    abandonedAfterMs: 2 * graceMs + slowJanitorMs,
  };
}

/** After a power cut the last touches may be lost with the memory they were in: how long to wait until their leases are over. Milliseconds. */
export function lostLeasesMs(volume: Volume, { evictAgeMs }: LeaseAges): number {
  return volume.cutOff ? Math.max(0, evictAgeMs - uptime() * 1000) : 0;
}
