import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endProcesses, type Usage, usageOf } from './process-tree.ts';
import type { Command } from './server-kind.ts';

const endPatienceMs = 30_000;
const keptWords = 4000;

/** A server's process, from its start to its end. */
export interface ServerProcess {
  /** What it and those that it has started have used; nothing once it has ended. */
  usage(): Usage;
  hasEnded(): boolean;
  /** The last of what it has printed. */
  lastWords(): string;
  /** Asks it to end, and ends it where it does not. */
  end(): Promise<void>;
}

/** Starts it in that folder, which is its home too. */
export function startProcess({ program, args, env }: Command, folder: string): ServerProcess {
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const add = (text: string): void => void (output = (output + text).slice(-keptWords));
  child.stdout.setEncoding('utf8').on('data', add);
  child.stderr.setEncoding('utf8').on('data', add);
  const ended = once(child, 'exit').catch((error: unknown) => add(String(error)));
  // A run that is cut short must leave nothing behind: some of them have processes of their own.
  const endWithUs = () => endProcesses(child.pid ?? 0);
  process.prependOnceListener('exit', endWithUs);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  return {
    usage: () => (hasEnded() ? { cpuSeconds: 0, peakBytes: 0 } : usageOf(child.pid ?? 0)),
    hasEnded,
    lastWords: () => output,
    async end() {
      if (!hasEnded()) child.kill('SIGTERM');
      const timer = setTimeout(endWithUs, endPatienceMs);
      await ended;
      clearTimeout(timer);
      process.off('exit', endWithUs);
    },
  };
}
