import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachedStrace, pidOptions } from './attached-strace.ts';

/** What a system call of a process is to answer instead of being made. */
export interface FaultPlan {
  readonly call: string;
  /** In strace's words: `error=EIO`, or `retval=1` for a write that says that it took one byte. */
  readonly fault: string;
  /** Which call of each thread, from 1 on; `1+` for all. */
  readonly when: number | '1+';
}

/** A process some of whose calls are looked at, or made to fail. */
export interface FailingCalls {
  /** Leaves the process alone again; how many calls there were in the busiest thread by name, and how many were made to fail. */
  end(): Promise<{ counts: Map<string, number>; failed: number }>;
}

/**
 * Resolves when strace has the process and all of its threads; with a plan, calls of that name begin to count then. Those that strace writes
 * down like `counted` are counted.
 */
export async function failingCalls(
  pid: number,
  calls: readonly string[],
  plan?: FaultPlan,
  counted = /./,
): Promise<FailingCalls> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-faults-'));
  const file = join(folder, 'trace');
  const inject = plan === undefined ? [] : ['-e', `inject=${plan.call}:${plan.fault}:when=${plan.when}`];
  const options = ['-f', '-o', file, '-e', `trace=${calls.join(',')}`, ...inject, ...pidOptions(pid)];
  const strace = await attachedStrace(options);
  return {
    async end() {
      await strace.end();
      const lines = (await readFile(file, 'utf8')).split('\n');
      await rm(folder, { recursive: true });
      return {
        counts: mostByThread(lines.filter((line) => counted.test(line))),
        failed: lines.filter((line) => line.includes('(INJECTED)')).length,
      };
    },
  };
}

function mostByThread(lines: readonly string[]): Map<string, number> {
  const byThread = new Map<string, number>();
  const most = new Map<string, number>();
  for (const line of lines) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || call === undefined) continue;
    const count = (byThread.get(`${thread} ${call}`) ?? 0) + 1;
    byThread.set(`${thread} ${call}`, count);
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}
