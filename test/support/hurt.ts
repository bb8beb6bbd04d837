import { attachedStrace, pidOptions } from './attached-strace.ts';
import { eventually } from './eventually.ts';

/** What is done to system calls of a running process. */
export interface Fault {
  /** Names of the calls. */
  readonly calls: readonly string[];
  /** As `strace --inject` has it: `error=EIO`, `signal=SIGKILL`. */
  readonly fault: string;
  /** Which of the calls, counted from now for each thread and each name: `3`, or `3+` for all from there. */
  readonly when: string;
  /** Only these threads; else all of the process, those to come included. */
  readonly threads?: readonly number[];
}

/** A process that is being hurt. */
export interface Hurt {
  /** Resolves when the process has ended. */
  ended(): Promise<void>;
  /** Leaves the process alone again, if it still runs. */
  end(): Promise<void>;
}

/** Begins to fail or kill a running process at some of its system calls. Resolves when the next call can be the one. */
export async function hurt(pid: number, { calls, fault, when, threads }: Fault): Promise<Hurt> {
  const injection = `inject=${calls.map((name) => `?${name}`).join(',')}:${fault}:when=${when}`;
  const whom = threads?.flatMap((thread) => ['-p', `${thread}`]) ?? ['-f', ...pidOptions(pid)];
  const options = ['-o', '/dev/null', '-e', injection, ...whom];
  const strace = await attachedStrace(options, threads?.length ?? 1, fault === 'signal=SIGKILL');
  return {
    ended: () => eventually(() => strace.hasEnded()),
    end: () => strace.end(),
  };
}
