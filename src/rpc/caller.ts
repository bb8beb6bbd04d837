import type { CallContext, ServerMiddleware } from 'nice-grpc-common';
import type { Identity, Role } from '../core/observer.ts';

/** What the server knows of whoever makes a call. */
export interface Caller {
  readonly role: Role;
  readonly identity: Identity | undefined;
}

/** Added to the context of every call. */
export interface WithCaller {
  readonly caller: Caller;
}

/** Set by what terminates TLS in front of us, and believed on listeners that only it can reach. */
export const fingerprintHeader = 'x-weir-client-fingerprint';
export const subjectHeader = 'x-weir-client-subject';

/**
 * The role is a property of the listener a call came in on, never of anything a client can send.
 * `identified`: whether the two headers come from our own TLS in front, and not from the client.
 */
export function callerMiddleware(role: Role, identified: boolean): ServerMiddleware<WithCaller> {
  return async function* (call, context) {
    const identity = identified ? identityFrom(context) : undefined;
    return yield* call.next(call.request, Object.assign(context, { caller: { role, identity } }));
  };
}

function identityFrom({ metadata }: CallContext): Identity | undefined {
  const fingerprint = metadata.get(fingerprintHeader);
  if (!fingerprint) return undefined;
  return { fingerprint, subject: metadata.get(subjectHeader) ?? '' };
}
