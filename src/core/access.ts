import { type AccessToken, findToken } from './access-tokens.ts';
import { CacheError } from './cache-error.ts';
import type { CertificateJudge, Judged } from './certificate-judge.ts';
import { quote } from './digest.ts';
import type { Identity, Role } from './observer.ts';
import type { PushScopes } from './push-permissions.ts';

/** What an operator has said about who may come in. */
export interface AccessRules {
  /** The tokens that are good now; undefined where tokens are not in use, and whatever is sent is ignored. */
  readonly tokens: () => readonly AccessToken[] | undefined;
  /** Whether reading on the pull listener takes a token. */
  readonly pullAccess: 'anyone' | 'token';
  /**
   * Who knows what certificates may do: 'unknown' where that is to be read and was not yet, and nobody pushes by one;
   * undefined where nothing is said of them, and whoever the proxy lets in may push everything.
   */
  readonly certificates: () => CertificateJudge | 'unknown' | undefined;
}

/** Every listener open to whoever reaches it. */
export const openAccess: AccessRules = {
  tokens: () => undefined,
  pullAccess: 'anyone',
  certificates: () => undefined,
};

/** What a call shows. */
export interface Credentials {
  readonly listener: Role;
  /** Of the client certificate, where TLS of our own has verified one. */
  readonly certificate: Extract<Identity, { kind: 'certificate' }> | undefined;
  /**
   * A client certificate that is on no list, as PEM with percent signs: TLS of our own has seen that its holder has the
   * key, and that some chain of signatures ends at something that it trusts.
   */
  readonly signedCertificate: string | undefined;
  /** Set when the proxy in front has let the call through without a certificate and vouches for nothing. */
  readonly unverified: boolean;
  /** The header `authorization`. */
  readonly authorization: string | undefined;
}

/** What a call may do, and as whom. */
export interface Access {
  readonly role: Role;
  readonly identity: Identity | undefined;
  /** What the role push allows. */
  readonly scopes: PushScopes;
}

/**
 * The one place where it is decided who comes in, for every protocol. A token never makes a listener do more
 * than it does: the pull listener reads. An 'unauthenticated' error says why somebody stays out.
 */
export function decideAccess(credentials: Credentials, rules: AccessRules): Access | CacheError {
  const { listener, authorization } = credentials;
  const shown = judged(credentials, rules);
  if (shown instanceof CacheError) return shown;
  const tokens = rules.tokens();
  if (tokens === undefined) {
    const nobody = credentials.unverified && shown === undefined;
    if (nobody || (listener === 'pull' && rules.pullAccess === 'token'))
      return refusal('this server takes no access tokens; show a client certificate on the push port');
    return { role: roleOf(listener, shown), identity: shown?.identity, scopes: shown?.scopes };
  }
  const token = authorization === undefined ? undefined : bearer(authorization, tokens);
  if (token instanceof CacheError) return token;
  const identity: Identity | undefined = shown?.identity ?? (token && { kind: 'token', name: token.name });
  if (listener === 'pull') {
    if (identity === undefined && rules.pullAccess === 'token')
      return refusal(
        'pulling here needs an access token and none was sent; send authorization: Bearer TOKEN',
      );
    return { role: 'pull', identity, scopes: undefined };
  }
  if (shown !== undefined) return { role: roleOf(listener, shown), identity, scopes: shown.scopes };
  if (token === undefined)
    return refusal(
      'this port needs a client certificate or an access token and neither was sent; send authorization: Bearer TOKEN',
    );
  return { role: token.role, identity, scopes: undefined };
}

/** Whom a certificate stands for; undefined when none was shown. */
function judged(
  { listener, certificate, signedCertificate }: Credentials,
  rules: AccessRules,
): Judged | CacheError | undefined {
  if (certificate === undefined && signedCertificate === undefined) return undefined;
  const judge = rules.certificates();
  if (judge === 'unknown') {
    // Reading takes no permission, and is not stopped for want of a list of them.
    if (listener === 'pull') return certificate && { identity: certificate, scopes: undefined };
    return new CacheError(
      'unavailable',
      'the server does not know yet who may push; try again in a moment, or tell the operator of the cache',
    );
  }
  if (certificate !== undefined)
    return judge === undefined ? { identity: certificate, scopes: undefined } : judge.listed(certificate);
  return (
    judge?.signed(signedCertificate ?? '') ??
    refusal('this server knows no authorities; ask its operator to put your client certificate on the list')
  );
}

/** Whoever may push nothing has come to read. */
function roleOf(listener: Role, shown: Judged | undefined): Role {
  return shown?.scopes?.length === 0 ? 'pull' : listener;
}

function bearer(authorization: string, tokens: readonly AccessToken[]): AccessToken | CacheError {
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token === undefined)
    return refusal('the authorization header is no access token; send it as authorization: Bearer TOKEN');
  return (
    findToken(tokens, token) ??
    refusal('this access token is not known here; ask the operator of the cache for a new one')
  );
}

function refusal(message: string): CacheError {
  return new CacheError('unauthenticated', message);
}

/** Why a role that only reads does not push, on the listener that it came in by. `pushHint` completes "to push, use ". */
export function whyPullOnly(
  { listener, identity }: { listener: Role; identity: Identity | undefined },
  pushHint: string,
): CacheError {
  return new CacheError('permission-denied', pullOnlySentence(listener, identity, pushHint));
}

function pullOnlySentence(listener: Role, identity: Identity | undefined, pushHint: string): string {
  if (listener === 'push' && identity?.kind === 'token')
    return `the access token ${quote(identity.name)} has the role pull; to push, use one with the role push`;
  if (listener === 'push' && identity?.kind === 'certificate')
    return `the client certificate ${quote(identity.name ?? identity.subject)} may push nothing here; ask the operator of the cache for the permission`;
  return `this port is for pulling only; to push, use ${pushHint}`;
}
