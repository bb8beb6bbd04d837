import { type Access, type AccessRules, type Credentials, decideAccess } from '../core/access.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Role } from '../core/observer.ts';
import { type RequestDetails, type ToolLabel, toolLabel } from '../core/tool.ts';
import { clientOfAddress } from '../grpc/client-address.ts';
import type { ServerCall } from '../grpc/server-call.ts';
import type { RequestHeaders } from '../http2/request-headers.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { ReloadableTls } from '../grpc/tls.ts';
import { requestDetails, toolName } from './request-metadata.ts';

/** What the server knows of whoever makes a call. */
export interface Caller extends Access {
  /** The door that the call came in by; `role` is what it may do, which can be less. */
  readonly listener: Role;
  /** Why the call may do nothing at all; the role is pull then. */
  readonly refusal: CacheError | undefined;
  /** For counting. */
  readonly tool: ToolLabel;
  /** What the call says of itself, for the log: read when it is asked for. */
  request(): RequestDetails;
  /** What bounds the memory of the call. */
  readonly stream: Pick<ServerCall, 'messageDone' | 'expectAnswer'>;
}

/** Set by what terminates TLS in front of us, and believed on listeners that only it can reach. */
const fingerprintHeader = 'x-weir-client-fingerprint';
const subjectHeader = 'x-weir-client-subject';
/** A certificate that an authority seems to have signed; looked at here, since the proxy knows it by its names only. */
const certificateHeader = 'x-weir-client-certificate';
/** Set by a proxy that lets a call through without having verified anybody. It only takes away: believed anywhere. */
const unverifiedHeader = 'x-weir-unverified';
export const addressHeader = 'x-forwarded-for';

/** How a listener knows its callers. */
export interface CallerRules {
  readonly listener: Role;
  /** Whether the headers about certificates come from our own TLS in front, and not from the client. */
  readonly identified: boolean;
  /** Set where TLS ends in this process. */
  readonly tls: ReloadableTls | undefined;
  readonly access: AccessRules;
}

/** Finds out who calls. Nothing that a client sends makes a listener do more than it does. Throws a ServerError for a certificate that is not let in. */
export function callerOf(call: ServerCall, { listener, identified, tls, access }: CallerRules): Caller {
  const { headers } = call;
  const shown = decideAccess(
    {
      listener,
      certificate:
        tls === undefined ? (identified ? certificateFrom(headers) : undefined) : ofConnection(tls, call),
      signedCertificate: (identified && tls === undefined && headers[certificateHeader]) || undefined,
      unverified: headers[unverifiedHeader] !== undefined,
      authorization: headers.authorization,
    },
    access,
  );
  const isRefused = shown instanceof CacheError;
  return {
    ...(isRefused ? { role: 'pull', identity: undefined, scopes: [] } : shown),
    listener,
    refusal: isRefused ? shown : undefined,
    tool: toolLabel(toolName(headers)),
    request: () => requestDetails(headers),
    stream: call,
  };
}

/** Whose a call is, where bounds are for each: the certificate's, or the address's. `behindProxy`: headers about the client are our proxy's. */
export function ownerOf({ headers, connection }: ServerStream, behindProxy: boolean): string {
  const told = (name: string) => (behindProxy && headers[name]) || '';
  const address = told(addressHeader) || (connection.peer?.address ?? '');
  return told(fingerprintHeader) || clientOfAddress(address);
}

function certificateFrom(headers: RequestHeaders): Credentials['certificate'] {
  const fingerprint = headers[fingerprintHeader];
  if (!fingerprint) return undefined;
  return { kind: 'certificate', fingerprint, subject: headers[subjectHeader] ?? '' };
}

function ofConnection(tls: ReloadableTls, call: ServerCall): Credentials['certificate'] {
  const certificate = tls.identify(call.stream.connection.socket);
  return certificate && { kind: 'certificate', ...certificate };
}
