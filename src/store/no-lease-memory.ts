import type { Clock } from '../core/clock.ts';
import type { LeaseMemory } from './lease-memory.ts';

/** For a process that promises nothing to anybody: each blob has to be looked at. */
export function noLeaseMemory(elapsed: Clock): LeaseMemory {
  return {
    renewAll: (digests) => [...digests],
    renewPacked: ({ length }) => ({ unknown: Array.from({ length }, (_, index) => index), renewed: 0 }),
    rests: () => false,
    now: elapsed,
    promised: () => {},
    promisedPacked: () => {},
    isBroken: () => false,
    isBrokenPacked: () => false,
    forgetAll: () => {},
    generation: () => 0,
  };
}
