import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import { childrenOf } from './process-figures.ts';

/** A strace that has hold of a running process. */
export interface AttachedStrace {
  /** Whether it has ended, by itself or with the process. */
  hasEnded(): boolean;
  /** Lets go of the process, if that still runs; resolves when strace has ended. */
  end(): Promise<void>;
}

/**
 * Resolves when it has said so often that it is attached to something. When it ends instead, it rejects with its words,
 * unless what it does to the process may be the end of both (`kills`).
 */
export async function attachedStrace(
  options: readonly string[],
  attachments = 1,
  kills = false,
): Promise<AttachedStrace> {
  const strace = spawn('strace', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  const endWithUs = () => strace.kill('SIGKILL');
  process.once('exit', endWithUs);
  const hasEnded = () => strace.exitCode !== null || strace.signalCode !== null;
  let said = '';
  strace.stderr.on('data', (chunk) => (said += String(chunk)));
  await eventually(() => {
    const isAttached = said.split('attached').length > attachments;
    if (hasEnded() && !isAttached && !(kills && said.includes('attached')))
      throw new Error(`strace has ended: ${said}`);
    return isAttached || hasEnded();
  });
  return {
    hasEnded,
    async end() {
      const ended = hasEnded() ? undefined : once(strace, 'exit');
      strace.kill('SIGINT');
      await ended;
      process.off('exit', endWithUs);
    },
  };
}

/** For a process and those that it has started, which may be the ones that answer calls. */
export function pidOptions(pid: number): string[] {
  return [pid, ...childrenOf(pid)].flatMap((each) => ['-p', `${each}`]);
}
