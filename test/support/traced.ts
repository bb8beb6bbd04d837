import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachedStrace, pidOptions } from './attached-strace.ts';

/** A system call, and when it was under way: places in the trace, which has one line at a time. */
export interface TracedCall {
  readonly thread: number;
  readonly name: string;
  /** All between the parentheses; a descriptor has its path behind it, in angle brackets. */
  readonly args: string;
  readonly succeeded: boolean;
  readonly begun: number;
  readonly ended: number;
}

/** A process under strace. */
export interface Traced {
  /** Leaves the process alone again; what it has called until then, in the order in which the calls ended. */
  calls(): Promise<TracedCall[]>;
}

/** Follows the named system calls of a running process and its threads. Resolves when it sees the first that comes. */
export async function traced(pid: number, names: readonly string[]): Promise<Traced> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-trace-'));
  const file = join(folder, 'trace');
  const options = [
    '-f',
    '-y',
    '-s',
    '4096',
    '-o',
    file,
    '-e',
    `trace=${names.join(',')}`,
    ...pidOptions(pid),
  ];
  const strace = await attachedStrace(options);
  return {
    async calls() {
      await strace.end();
      const text = await readFile(file, 'utf8');
      await rm(folder, { recursive: true });
      return callsIn(text);
    },
  };
}

/** Lines are `<thread> <call>`; a call that another thread interrupts in the trace is in two of them. */
function callsIn(text: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const halves = new Map<string, { start: string; begun: number }>();
  for (const [index, line] of text.split('\n').entries()) {
    const thread = /^\d+/.exec(line)?.[0] ?? '';
    const rest = line.slice(thread.length).trim();
    const cut = rest.indexOf(' <unfinished ...>');
    if (cut !== -1) {
      halves.set(thread, { start: rest.slice(0, cut), begun: index });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)?.[0];
    const half = resumed === undefined ? undefined : halves.get(thread);
    const whole = half === undefined ? rest : half.start + rest.slice((resumed ?? '').length);
    const parts = /^(\w+)\((.*)\)\s+= (-?\d)/.exec(whole);
    if (parts === null) continue;
    calls.push({
      thread: Number(thread),
      name: parts[1] ?? '',
      args: parts[2] ?? '',
      succeeded: parts[3] !== '-1',
      begun: half?.begun ?? index,
      ended: index,
    });
  }
  return calls;
}
