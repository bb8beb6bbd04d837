import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type Metadata, Status } from 'nice-grpc-common';
import { byteBudget } from '../core/byte-budget.ts';
import type { Cut } from '../core/observer.ts';
import { CallStream } from './call-stream.ts';
import { fingerprintHeader } from './caller.ts';
import { clientOfAddress } from './client-address.ts';
import type { GrpcHttp2Server } from './http2-servers.ts';
import { incomingMemory, mostCalls, mostCallsOfOne, mostUnsentBytes, outgoingMemory } from './limits.ts';
import { isReading } from './role-middleware.ts';

/** How long a call's client may do nothing, and who is told. */
export interface CallBoundsOptions {
  /** While it is the client's turn to send or to read. Milliseconds. */
  readonly streamIdleMs: number;
  readonly onCut: (cut: Cut) => void;
}

/** Bounds of the calls on all listeners together. */
export interface CallBounds {
  /** Puts itself between the HTTP/2 server and grpc-js. `behindProxy`: whether headers about the client are our proxy's. */
  bind(server: GrpcHttp2Server, behindProxy: boolean): void;
  /** The stream below a call. */
  streamOf(metadata: Metadata): CallStream | undefined;
}

/** Taken from whoever sends it, and set to what leads from a call to its stream. */
const streamHeader = 'x-weir-stream';
const addressHeader = 'x-forwarded-for';
/** With others waiting for memory, a client that has some may take so long for a little. */
const shortOfMemoryMs = 10_000;
const longestLookMs = 1000;

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

export function callBounds({ streamIdleMs, onCut }: CallBoundsOptions): CallBounds {
  const memory = {
    incoming: byteBudget(incomingMemory),
    outgoing: byteBudget(outgoingMemory),
  };
  const calls = new Map<string, CallStream>();
  const callsOf = new Map<string, number>();
  const everyMs = Math.min(longestLookMs, streamIdleMs / 4);
  let begun = 0;

  function admit(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, behindProxy: boolean): boolean {
    const owner = ownerOf(stream, headers, behindProxy);
    const ofOwner = (callsOf.get(owner) ?? 0) + 1;
    const call = new CallStream(stream, owner, memory);
    if (calls.size >= mostCalls || ofOwner > mostCallsOfOne) {
      onCut('calls');
      refuse(stream, call, headers[':path'] ?? '');
      return false;
    }
    const id = String(begun++);
    headers[streamHeader] = id;
    calls.set(id, call);
    callsOf.set(owner, ofOwner);
    stream.once('close', () => {
      calls.delete(id);
      const left = (callsOf.get(owner) ?? 1) - 1;
      if (left === 0) callsOf.delete(owner);
      else callsOf.set(owner, left);
    });
    return true;
  }

  let lookedAt = performance.now();
  let clock = 0;
  function look(): void {
    const now = performance.now();
    // A process that was held up has not looked at what clients did meanwhile.
    clock += Math.min(now - lookedAt, 2 * everyMs);
    lookedAt = now;
    let unsent = 0;
    for (const call of calls.values()) unsent += call.unsentBytes;
    for (const call of calls.values()) {
      const { stillMs, slowMs } = call.look(clock);
      const isShort =
        (call.holdsForClient && memory.incoming.isShort() && slowMs >= shortOfMemoryMs) ||
        (call.unsentBytes > 0 &&
          (unsent > mostUnsentBytes || memory.outgoing.isShort()) &&
          stillMs >= shortOfMemoryMs);
      if (stillMs < streamIdleMs && !isShort) continue;
      onCut(isShort ? 'memory' : 'stalled');
      call.end(Status.ABORTED, stalledSentence(Math.max(stillMs, isShort ? slowMs : 0)));
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    bind(server, behindProxy) {
      const [handle, ...others] = server.listeners('stream') as StreamListener[];
      if (handle === undefined || others.length > 0)
        throw new Error(`there are ${others.length} listeners beside the one that answers calls`);
      server.removeAllListeners('stream');
      server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
        if (admit(stream, headers, behindProxy)) handle(stream, headers, ...rest);
      });
    },
    streamOf: (metadata) => calls.get(metadata.get(streamHeader) ?? ''),
  };
}

/** Whose a call is, where bounds are for each: the certificate's, or the address's. */
function ownerOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, behindProxy: boolean): string {
  const told = (name: string) => (behindProxy && typeof headers[name] === 'string' ? headers[name] : '');
  const address = told(addressHeader) || (stream.session?.socket.remoteAddress ?? '');
  return told(fingerprintHeader) || clientOfAddress(address);
}

/** BuildStream takes RESOURCE_EXHAUSTED for "skipped" on a push, and for a failed build on a pull. */
function refuse(stream: ServerHttp2Stream, call: CallStream, path: string): void {
  stream.on('error', () => {});
  call.end(
    isReading(path) ? Status.UNAVAILABLE : Status.RESOURCE_EXHAUSTED,
    `there are more calls at once than this server takes (${mostCalls}, and ${mostCallsOfOne} from one client); try again later, or with fewer at once`,
  );
}

function stalledSentence(stillMs: number): string {
  const seconds = Math.round(stillMs / 1000);
  return `the client has not moved on for ${seconds} seconds; what an upload had brought is kept for a while: ask QueryWriteStatus and go on from there, or begin anew`;
}
