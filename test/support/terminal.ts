import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';

/** A program on a terminal of its own, as somebody at a keyboard has it. Needs `script`. */
export interface Terminal {
  /** Presses these keys. */
  type(keys: string): void;
  /** Waits until this is on the terminal. */
  shows(text: string): Promise<void>;
  /** All that was ever written on it. */
  text(): string;
  /** Waits for the end of the program; with its exit code. */
  ended(): Promise<number | null>;
}

/** Starts a command line of the shell on a terminal; it ends with the test. */
export function onTerminal(
  t: TestContext,
  commandLine: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Terminal {
  const child: ChildProcess = spawn(
    'script',
    ['--quiet', '--flush', '--return', '--command', commandLine, '/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'xterm', LANG: 'C.UTF-8', ...env },
    },
  );
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)));
  // A shell that has ended reads no more.
  child.stdin?.on('error', () => {});
  const end = once(child, 'close').then(([code]) => code as number | null);
  return {
    type: (keys) => void child.stdin?.write(keys),
    shows: async (wanted) => {
      await eventually(() => text.includes(wanted)).catch((error: unknown) => {
        throw new Error(`the terminal does not show ${JSON.stringify(wanted)}: ${JSON.stringify(text)}`, {
          cause: error,
        });
      });
    },
    text: () => text,
    ended: async () => await end,
  };
}
