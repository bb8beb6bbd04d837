// A program that must end in time, with whatever it started.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

export interface Outcome {
  code: number;
  /** What was printed on both streams, in the order it came. */
  output: string;
}

interface Bounds {
  cwd: string;
  env: Record<string, string>;
  /** Milliseconds after which it is killed and the promise rejects. */
  limit: number;
  /** What it starts may outlive it, until `endMarked` is called with this text, which nobody else uses. */
  mark?: string;
}

/** The jobs of `bst` lead sessions of their own; this variable is how their processes are found again. */
const markName = 'WEIR_TEST_RUN';

/** Runs to the end. Rejects with what was printed so far when that takes longer than the limit. */
export async function runBounded(program: string, args: string[], bounds: Bounds): Promise<Outcome> {
  const mark = bounds.mark ?? randomUUID();
  const child = spawn(program, args, {
    cwd: bounds.cwd,
    env: { ...bounds.env, [markName]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const add = (text: string): void => void (output += text);
  child.stdout.setEncoding('utf8').on('data', add);
  child.stderr.setEncoding('utf8').on('data', add);

  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endMarked(mark);
  }, bounds.limit);
  // Who is ended meanwhile leaves nothing behind.
  const endWithUs = () => endMarked(mark);
  process.prependOnceListener('exit', endWithUs);
  try {
    await once(child, 'close');
    const command = [program, ...args].join(' ');
    if (late) throw new Error(`${command} did not end within ${bounds.limit} ms:\n${output}`);
    if (child.exitCode === null) throw new Error(`${command} was ended by ${child.signalCode}:\n${output}`);
    return { code: child.exitCode, output };
  } finally {
    clearTimeout(timer);
    process.off('exit', endWithUs);
    if (bounds.mark === undefined) endMarked(mark);
  }
}

/** Kills every process that was started under the mark, and those that they started. */
export function endMarked(mark: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${markName}=${mark}`))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
}
