import type { CallContext, ServerMiddleware } from 'nice-grpc-common';
import { type Access, type AccessRules, type Credentials, decideAccess } from '../core/access.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Role } from '../core/observer.ts';
import { type RequestDetails, type ToolLabel, toolLabel } from '../core/tool.ts';
import type { CallBounds } from './call-bounds.ts';
import type { CallStream } from './call-stream.ts';
import { requestDetails } from './request-metadata.ts';

/** What the server knows of whoever makes a call. */
export interface Caller extends Access {
  /** The door that the call came in by; `role` is what it may do, which can be less. */
  readonly listener: Role;
  /** Why the call may do nothing at all; the role is pull then. */
  readonly refusal: CacheError | undefined;
  /** For counting. */
  readonly tool: ToolLabel;
  /** What the call says of itself, for the log. */
  readonly request: RequestDetails;
  /** What is below the call; undefined when it has ended already. */
  readonly stream: CallStream | undefined;
}

/** Added to the context of every call. */
export interface WithCaller {
  readonly caller: Caller;
}

/** Set by what terminates TLS in front of us, and believed on listeners that only it can reach. */
export const fingerprintHeader = 'x-weir-client-fingerprint';
export const subjectHeader = 'x-weir-client-subject';
/** A certificate that an authority seems to have signed; looked at here, since the proxy knows it by its names only. */
export const certificateHeader = 'x-weir-client-certificate';
/** Set by a proxy that lets a call through without having verified anybody. It only takes away: believed anywhere. */
const unverifiedHeader = 'x-weir-unverified';

/**
 * Finds out who calls. Nothing that a client sends makes a listener do more than it does.
 * `identified`: whether the two headers come from our own TLS in front, and not from the client.
 */
export function callerMiddleware(
  listener: Role,
  identified: boolean,
  rules: AccessRules,
  bounds: CallBounds,
): ServerMiddleware<WithCaller> {
  return async function* (call, context) {
    const { metadata } = context;
    const access = decideAccess(
      {
        listener,
        certificate: identified ? certificateFrom(context) : undefined,
        signedCertificate: (identified && metadata.get(certificateHeader)) || undefined,
        unverified: metadata.has(unverifiedHeader),
        authorization: metadata.get('authorization'),
      },
      rules,
    );
    const refused = access instanceof CacheError;
    const request = requestDetails(metadata);
    const caller: Caller = {
      ...(refused ? { role: 'pull', identity: undefined, scopes: [] } : access),
      listener,
      refusal: refused ? access : undefined,
      tool: toolLabel(request.tool),
      request,
      stream: bounds.streamOf(metadata),
    };
    return yield* call.next(call.request, Object.assign(context, { caller }));
  };
}

function certificateFrom({ metadata }: CallContext): Credentials['certificate'] {
  const fingerprint = metadata.get(fingerprintHeader);
  if (!fingerprint) return undefined;
  return { kind: 'certificate', fingerprint, subject: metadata.get(subjectHeader) ?? '' };
}
