import type { Clock } from '../core/clock.ts';
import type { LeaseMemory } from './lease-memory.ts';

/** For who promises nothing to anybody: each blob is looked at, each time. */
export function noLeaseMemory(elapsed: Clock): LeaseMemory {
  return {
    renewAll: (digests) => [...digests],
    renewPacked: ({ length }) => ({ unknown: Array.from({ length }, (_, index) => index), renewed: 0 }),
    rests: () => false,
    restsPacked: () => false,
    now: elapsed,
    promised: () => {},
    promisedPacked: () => {},
    isBroken: () => false,
    isBrokenPacked: () => false,
    forgetAll: () => {},
    generation: () => 0,
  };
}
