import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Access, type AccessRules, type Credentials, decideAccess } from '../core/access.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Role } from '../core/observer.ts';
import { type ToolLabel, toolLabel } from '../core/tool.ts';

/** One request and its answer, with what is known of whoever makes it. */
export interface Exchange extends Access {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The door that the request came in by; `role` is what it may do, which can be less. */
  readonly listener: Role;
  /** Why the request may do nothing at all; the role is pull then. */
  readonly refusal: CacheError | undefined;
  /** For counting. */
  readonly tool: ToolLabel;
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
/** A certificate that an authority seems to have signed; looked at here, since the proxy knows it by its names only. */
const certificateHeader = 'x-weir-client-certificate';
/** Set by a proxy that lets a request through without having verified anybody. It only takes away: believed anywhere. */
const unverifiedHeader = 'x-weir-unverified';
const accelHeader = 'x-weir-accel';

/**
 * Finds out who calls. Nothing that a client sends makes a listener do more than it does.
 * `identified`: whether the headers above come from the proxy, and not from the client.
 */
export function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  listener: { role: Role; identified: boolean; access: AccessRules },
  expectsContinue: boolean,
): Exchange {
  const aborting = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) aborting.abort();
  });
  const told = (name: string) => (listener.identified ? text(request, name) : undefined) || undefined;
  const fingerprint = told(fingerprintHeader);
  const certificate: Credentials['certificate'] =
    fingerprint === undefined
      ? undefined
      : { kind: 'certificate', fingerprint, subject: told(subjectHeader) ?? '' };
  const access = decideAccess(
    {
      listener: listener.role,
      certificate,
      signedCertificate: told(certificateHeader),
      unverified: (text(request, unverifiedHeader) ?? '') !== '',
      authorization: request.headers.authorization,
    },
    listener.access,
  );
  const refused = access instanceof CacheError;
  return {
    ...(refused ? { role: 'pull', identity: undefined, scopes: [] } : access),
    request,
    response,
    listener: listener.role,
    refusal: refused ? access : undefined,
    tool: toolLabel(request.headers['user-agent']),
    accelPrefix: told(accelHeader),
    expectsContinue,
    signal: aborting.signal,
  };
}

function text({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
