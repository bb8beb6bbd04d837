// Calls that follow each other and are never the same twice, by a process of their own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Load } from './load.ts';
import type { NumberedBlobs } from './numbered-blobs.ts';
import type { SequenceName } from './sequence.ts';

const program = join(import.meta.dirname, 'sequence-process.ts');

/** What the process is told first. */
export interface SequenceOrder {
  address: string;
  name: SequenceName;
  operations: number;
  /** What the server has, for calls about that. */
  stored?: NumberedBlobs;
  /** Connections, on each of which one sequence follows the other. */
  connections: number;
}

/** What it says: that everything is made, or how it went. */
export type SequenceReport = { ready: true } | { seconds: number } | { fault: string };

/** Sequences of a name to a server. */
export function sequences(
  order: Omit<SequenceOrder, 'operations'>,
  limits: Pick<Load, 'fewest' | 'most'>,
): Load {
  return {
    ...limits,
    async run(operations) {
      const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const endWithUs = () => child.kill('SIGKILL');
      process.prependOnceListener('exit', endWithUs);
      try {
        child.send({ ...order, operations } satisfies SequenceOrder);
        await reportOf(child);
        child.send('go');
        const report = await reportOf(child);
        if ('seconds' in report) return { seconds: report.seconds };
        throw new Error(`${order.name} has not run`);
      } finally {
        process.off('exit', endWithUs);
        child.kill();
      }
    },
  };
}

async function reportOf(child: ChildProcess): Promise<SequenceReport> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process that makes calls ended with ${code}`);
  });
  const [report] = (await Promise.race([once(child, 'message'), ended])) as [SequenceReport];
  if ('fault' in report) throw new Error(report.fault);
  return report;
}
