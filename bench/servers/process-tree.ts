import { readdirSync, readFileSync } from 'node:fs';

/** What a server's processes have used. */
export interface Usage {
  /** Seconds of all cores together, in the program and in the kernel for it. */
  cpuSeconds: number;
  /**
   * The most memory that was in RAM; of several processes, their peaks added up, and pages of files, which they share,
   * counted once. Bytes.
   */
  peakBytes: number;
}

/** The kernel counts in hundredths for programs, whatever its own clock is. */
const ticksPerSecond = 100;

/** A process and all that descend from it. */
function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** Of a process and all that descend from it, those that have ended included. */
export function usageOf(root: number): Usage {
  const usage = { cpuSeconds: 0, peakBytes: 0 };
  let filePages = 0;
  for (const pid of processTree(root)) {
    // utime, stime, and the two of children that have ended: fields 14 to 17, of which the first two are cut off.
    const ticks = (statOf(pid) ?? []).slice(11, 15).map(Number);
    usage.cpuSeconds += ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
    const { peak, ofFiles } = memoryOf(pid);
    usage.peakBytes += peak - ofFiles;
    filePages = Math.max(filePages, ofFiles);
  }
  usage.peakBytes += filePages;
  return usage;
}

/**
 * Ends a process and all that descend from it, and comes back when none of them can touch a file any more. Blocks:
 * it is for the moment before this process ends itself.
 */
export function endProcesses(root: number): void {
  const pids: number[] = [];
  // One that is stopped starts no other, which nobody would know of once its parent has ended.
  for (let found = root > 0 ? [root] : []; found.length > 0;) {
    for (const pid of found) signal(pid, 'SIGSTOP');
    pids.push(...found);
    found = processTree(root).filter((pid) => runs(pid) && !pids.includes(pid));
  }
  for (const pid of pids) signal(pid, 'SIGKILL');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 500 && pids.some(runs); tries++) Atomics.wait(pause, 0, 0, 10);
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** One that has ended is a zombie until its parent has asked how; so is its first thread, while others of them wait for the disk. */
function runs(pid: number): boolean {
  const state = statOf(pid)?.[0];
  if (state === undefined || state === 'X') return false;
  return state !== 'Z' || threadsOf(pid) > 1;
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** Fields of /proc/PID/stat from the state on: before it is the name, which may have spaces and brackets. */
function statOf(pid: number): string[] | undefined {
  const text = readOrEmpty(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Bytes: the most that was in RAM, and how much is there now of its program, libraries and other files. */
function memoryOf(pid: number): { peak: number; ofFiles: number } {
  const status = readOrEmpty(`/proc/${pid}/status`);
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { peak: bytes('VmHWM'), ofFiles: bytes('RssFile') };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process has ended meanwhile.
  }
}
