import { pacedBytes } from './limits.ts';
import type { ServerCall } from './server-call.ts';

/** How fast a call's client is. */
export interface Pace {
  /** For how long it has done nothing although it is its turn. Milliseconds. */
  readonly stillMs: number;
  /** How long it has taken for the last few KiB that it sent. Milliseconds. */
  readonly slowMs: number;
}

/** Watches a call; the function looks at it. `now`: milliseconds, growing from look to look. */
export function callPace(
  call: Pick<ServerCall, 'receivedBytes' | 'flushes' | 'unsentBytes' | 'isClientsTurn'>,
): (now: number) => Pace {
  let [receivedBytes, flushes, unsentBytes] = [0, 0, 0];
  let pacedReceived = 0;
  // Counted from the first look: the call may have begun at any time.
  let stillSince: number | undefined;
  let pacedAt: number | undefined;
  return (now) => {
    const hasMoved =
      call.receivedBytes !== receivedBytes || call.flushes !== flushes || call.unsentBytes !== unsentBytes;
    ({ receivedBytes, flushes, unsentBytes } = call);
    const isTheirs = call.isClientsTurn;
    if (!isTheirs || hasMoved) stillSince = now;
    stillSince ??= now;
    pacedAt ??= now;
    if (!isTheirs || receivedBytes - pacedReceived >= pacedBytes) {
      pacedReceived = receivedBytes;
      pacedAt = now;
    }
    return { stillMs: now - stillSince, slowMs: now - pacedAt };
  };
}
