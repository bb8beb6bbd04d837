import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stats } from 'node:fs';
import type { FileCalls } from '../../src/store/file-calls.ts';

/** File calls with adversaries in them. */
export interface FaultyCalls {
  readonly calls: FileCalls;
  /** The next setting of this file's times takes so long. Milliseconds. */
  slowRefresh(path: string, milliseconds: number): void;
  /** The next look at the names in any folder begins so late. Milliseconds. */
  slowNames(milliseconds: number): void;
}

/**
 * The same calls, of which some take as long as they please. The kernel finds the file whose times are set by its path
 * first, and sets them after that: anything may happen to the path between the two, and between any two calls. Under
 * load that is a matter of luck; here it is asked for. With `skipsSecondLook`, the look after it is answered with the one
 * before it, which is the protocol without that look.
 */
export function faultyCalls(real: FileCalls, skipsSecondLook: boolean): FaultyCalls {
  const slow = new Map<string, number>();
  const seen = new Map<string, Stats>();
  const refreshed = new Set<string>();
  let namesDelay = 0;

  async function refreshSlowly(path: string, time: number, milliseconds: number): Promise<boolean> {
    const handle = await open(path, 'r').catch(() => undefined);
    if (handle === undefined) return false;
    await sleep(milliseconds);
    await handle.utimes(time / 1000, time / 1000);
    await handle.close();
    return true;
  }

  async function refresh(path: string, time: number): Promise<boolean> {
    const milliseconds = slow.get(path);
    slow.delete(path);
    const done = await (milliseconds === undefined
      ? real.refresh(path, time)
      : refreshSlowly(path, time, milliseconds));
    if (done && skipsSecondLook) refreshed.add(path);
    return done;
  }

  async function stat(path: string): Promise<Stats | undefined> {
    if (refreshed.delete(path)) return seen.get(path);
    const stats = await real.stat(path);
    if (skipsSecondLook && stats !== undefined) seen.set(path, stats);
    return stats;
  }

  async function names(folder: string): Promise<string[]> {
    const milliseconds = namesDelay;
    namesDelay = 0;
    if (milliseconds > 0) await sleep(milliseconds);
    return await real.names(folder);
  }

  return {
    calls: { ...real, refresh, stat, names },
    slowRefresh: (path, milliseconds) => void slow.set(path, milliseconds),
    slowNames: (milliseconds) => (namesDelay = milliseconds),
  };
}
