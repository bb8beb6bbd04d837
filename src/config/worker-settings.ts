import { availableParallelism, totalmem } from 'node:os';
import type { CleanedEnv } from 'envalid';
import { countUpTo } from './setting-kinds.ts';

export const mostWorkers = 128;
/** What a worker may come to need (docs/sizing.md). Bytes. */
const bytesOfWorker = 512 * 1024 ** 2;

/** How many there are where nobody has said it. */
export function defaultWorkers(): number {
  // The limit of a container, where it is one; else a number beyond all memory.
  const memory = Math.min(process.constrainedMemory() || Infinity, totalmem());
  return Math.max(1, Math.min(availableParallelism(), Math.floor(memory / bytesOfWorker), mostWorkers));
}

/** How many processes there are. */
export const workerSettings = {
  WORKERS: countUpTo(mostWorkers)({
    usually: 'one for each processor, and for 512 MiB of memory',
    desc: 'Processes that answer calls. `1`: one process does everything; with more, another one keeps the volume beside them.',
  }),
};

export function workerConfig(checked: CleanedEnv<typeof workerSettings>) {
  return { workers: checked.WORKERS ?? defaultWorkers() };
}
