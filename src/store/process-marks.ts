import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { createNew, discard, syncFolder, writeFully } from './durable-file.ts';
import type { Layout } from './layout.ts';

/**
 * One small file for each server on the volume, from its start to its orderly end, on disk before it serves.
 * One that is left from an earlier start of the machine says that the machine went down under a server: then
 * the last touches may be lost with the memory they were in.
 */
export interface ProcessMark {
  /** Whether a server was cut off when the machine last went down. */
  readonly cutOff: boolean;
  /** Says that this server still runs; marks that nobody has renewed for a week are taken away. */
  renew(): Promise<void>;
  /** The orderly end. */
  remove(): Promise<void>;
}

const abandonedAfterMs = 7 * 24 * 3_600_000;

/** Makes the mark. Rejects with the error of the system call, on a read-only volume too. */
export async function markProcess(layout: Layout): Promise<ProcessMark> {
  await mkdir(layout.processes, { recursive: true });
  const boot = await bootId();
  const marks = await marksIn(layout);
  const path = join(layout.processes, randomUUID());
  const handle = await createNew(path, 0o600);
  try {
    await writeFully(handle, Buffer.from(boot), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(layout.processes);
  await syncFolder(dirname(layout.processes));
  return {
    cutOff: [...marks.values()].some((other) => other !== boot),
    async renew() {
      await utimes(path, new Date(), new Date());
    },
    remove: () => discard(path),
  };
}

/** Takes away the marks that nobody renews: of servers that were killed, or that the machine has gone down under. */
export async function sweepMarks(layout: Layout, clock: Clock): Promise<void> {
  for (const path of (await marksIn(layout)).keys()) {
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined && clock() - stats.mtimeMs > abandonedAfterMs) await discard(path);
  }
}

async function marksIn(layout: Layout): Promise<Map<string, string>> {
  const marks = new Map<string, string>();
  for (const name of await readdir(layout.processes)) {
    const path = join(layout.processes, name);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) marks.set(path, text);
  }
  return marks;
}

/** Changes with every start of the machine. */
async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    // Elsewhere than on Linux: the time of the start, as coarsely as clocks are set.
    return `started ${Math.round((Date.now() / 1000 - uptime()) / 600)}`;
  }
}
