import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity, Role } from '../core/observer.ts';

/** One request and its answer, with what is known of whoever makes it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly role: Role;
  readonly identity: Identity | undefined;
  /** Path under which the proxy in front serves the volume to itself, if it does. */
  readonly accelPrefix: string | undefined;
  /** Whether the client waits to hear that its body is wanted. */
  readonly expectsContinue: boolean;
  /** Aborts when the connection ends before the answer does. */
  readonly signal: AbortSignal;
}

/** Set by the proxy in front, and believed only on listeners that nobody else reaches. */
const fingerprintHeader = 'x-weir-client-fingerprint';
const subjectHeader = 'x-weir-client-subject';
const accelHeader = 'x-weir-accel';

/**
 * The one place where it is decided who calls. The role is the listener's, never anything that a client can
 * send. `identified`: whether the headers above come from the proxy, and not from the client.
 */
export function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  listener: { role: Role; identified: boolean },
  expectsContinue: boolean,
): Exchange {
  const aborting = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) aborting.abort();
  });
  const told = (name: string) => (listener.identified ? text(request, name) : undefined) || undefined;
  const fingerprint = told(fingerprintHeader);
  return {
    request,
    response,
    role: listener.role,
    identity: fingerprint === undefined ? undefined : { fingerprint, subject: told(subjectHeader) ?? '' },
    accelPrefix: told(accelHeader),
    expectsContinue,
    signal: aborting.signal,
  };
}

function text({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
