import { Status } from './status.ts';
import { type BudgetSize, byteBudget } from '../core/byte-budget.ts';
import type { Cut } from '../core/observer.ts';
import { maxConcurrentStreams } from '../http2/limits.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { CallStatus } from './call-status.ts';
import { incomingMemory, mostCalls, mostCallsOfOne, mostUnsentBytes, outgoingMemory } from './limits.ts';
import { callPace } from './call-pace.ts';
import type { ServerCall, SharedMemory } from './server-call.ts';

/** How long a call's client may do nothing, and who is told. */
export interface CallBoundsOptions {
  /** While it is the client's turn to send or to read. Milliseconds. */
  readonly streamIdleMs: number;
  /** The part of the server's bounds that this process takes; 1 where it is alone. */
  readonly share: number;
  readonly onCut: (cut: Cut) => void;
  /** The status for a call beyond what the server takes. */
  readonly codeOfRefusal: (path: string) => Status;
}

/** Bounds of the calls on all listeners together. */
export interface CallBounds {
  readonly memory: SharedMemory;
  /** Counts one more call of this owner, until its stream is closed; where there is no room for it, the status for that. */
  admit(stream: ServerStream, owner: string): CallStatus | undefined;
  /** Looks after a call until its stream is closed. */
  watch(call: ServerCall): void;
}

/** With others waiting for memory, a client that has some may take so long for a little. */
const shortOfMemoryMs = 10_000;
const longestLookMs = 1000;
/** However many processes share the bounds of a server: one connection must not take all that there is in its process. */
const leastCalls = 2 * maxConcurrentStreams;

export function callBounds({ streamIdleMs, share, onCut, codeOfRefusal }: CallBoundsOptions): CallBounds {
  const memory = {
    incoming: byteBudget(partOf(incomingMemory, share)),
    outgoing: byteBudget(partOf(outgoingMemory, share)),
  };
  const most = {
    calls: Math.max(leastCalls, Math.ceil(mostCalls * share)),
    callsOfOne: Math.max(maxConcurrentStreams, Math.ceil(mostCallsOfOne * share)),
    unsentBytes: mostUnsentBytes * share,
  };
  const calls = new Map<ServerCall, ReturnType<typeof callPace>>();
  const callsOf = new Map<string, number>();
  const everyMs = Math.min(longestLookMs, streamIdleMs / 4);
  let open = 0;

  let lookedAt = performance.now();
  let clock = 0;
  function look(): void {
    const now = performance.now();
    // A process that was held up has not looked at what clients did meanwhile.
    clock += Math.min(now - lookedAt, 2 * everyMs);
    lookedAt = now;
    let unsent = 0;
    for (const call of calls.keys()) unsent += call.unsentBytes;
    for (const [call, pace] of calls) {
      const { stillMs, slowMs } = pace(clock);
      const isShort =
        (call.holdsForClient && memory.incoming.isShort() && slowMs >= shortOfMemoryMs) ||
        (call.unsentBytes > 0 &&
          (unsent > most.unsentBytes || memory.outgoing.isShort()) &&
          stillMs >= shortOfMemoryMs);
      if (stillMs < streamIdleMs && !isShort) continue;
      onCut(isShort ? 'memory' : 'stalled');
      call.cut({ code: Status.ABORTED, message: stalledSentence(Math.max(stillMs, isShort ? slowMs : 0)) });
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    memory,
    admit(stream, owner) {
      const ofOwner = (callsOf.get(owner) ?? 0) + 1;
      if (open >= most.calls || ofOwner > most.callsOfOne) {
        onCut('calls');
        return tooMany(codeOfRefusal(stream.headers[':path'] ?? ''), most);
      }
      open++;
      callsOf.set(owner, ofOwner);
      stream.onClose(() => {
        open--;
        const left = (callsOf.get(owner) ?? 1) - 1;
        if (left === 0) callsOf.delete(owner);
        else callsOf.set(owner, left);
      });
      return undefined;
    },
    watch(call) {
      calls.set(call, callPace(call));
      call.stream.onClose(() => calls.delete(call));
    },
  };
}

/** Whoever is alone may hold one message, however small the part is; others get theirs by the lanes. */
function partOf({ total, share: ofOne, lanes }: BudgetSize, share: number): BudgetSize {
  return { total: total * share, share: ofOne * share, lanes };
}

function tooMany(code: Status, most: { calls: number; callsOfOne: number }): CallStatus {
  return {
    code,
    message: `there are more calls at once than this server takes (${most.calls}, and ${most.callsOfOne} from one client); try again later, or with fewer at once`,
  };
}

function stalledSentence(stillMs: number): string {
  const seconds = Math.round(stillMs / 1000);
  return `the client has not moved on for ${seconds} seconds; what an upload had brought is kept for a while: ask QueryWriteStatus and go on from there, or begin anew`;
}
