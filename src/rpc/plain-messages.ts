import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

/** What grpc-js keeps of the header in its innermost call, and takes from the metadata. */
interface InnerCall {
  readonly incomingEncoding?: string;
  readonly nextCall?: InnerCall;
}

/**
 * Refuses calls whose messages are compressed. grpc-js unpacks all that arrive, at once and before
 * anybody has looked at the call: 7 KB on the wire become 8 MiB here, for each of a thousand streams.
 * It has no setting against that. Blobs are mostly compressed already, and no client of a cache asks.
 */
export const plainMessagesOnly: ServerInterceptor = (_method, call) => {
  if (encodingOf(call as unknown as InnerCall) === 'identity') return call as ServerInterceptingCall;
  return new ServerInterceptingCall(call, {
    start: () =>
      call.sendStatus({
        code: status.UNIMPLEMENTED,
        details: 'compressed messages are not taken here; send them without grpc-encoding',
      }),
  });
};

function encodingOf(call: InnerCall): string {
  let inner: InnerCall = call;
  while (inner.incomingEncoding === undefined && inner.nextCall !== undefined) inner = inner.nextCall;
  return inner.incomingEncoding ?? 'identity';
}
