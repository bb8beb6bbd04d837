import { type AccessToken, findToken } from './access-tokens.ts';
import { CacheError } from './cache-error.ts';
import type { Identity, Role } from './observer.ts';

/** What an operator has said about who may come in. */
export interface AccessRules {
  /** The tokens that are good now; undefined where tokens are not in use, and whatever is sent is ignored. */
  readonly tokens: () => readonly AccessToken[] | undefined;
  /** Whether reading on the pull listener takes a token. */
  readonly pullAccess: 'anyone' | 'token';
}

/** Every listener open to whoever reaches it. */
export const openAccess: AccessRules = { tokens: () => undefined, pullAccess: 'anyone' };

/** What a call shows. */
export interface Credentials {
  readonly listener: Role;
  /** Of the client certificate, where TLS of our own has verified one. */
  readonly certificate: Identity | undefined;
  /** Set when the proxy in front has let the call through without a certificate and vouches for nothing. */
  readonly unverified: boolean;
  /** The header `authorization`. */
  readonly authorization: string | undefined;
}

/** What a call may do, and as whom. */
export interface Access {
  readonly role: Role;
  readonly identity: Identity | undefined;
}

/**
 * The one place where it is decided who comes in, for every protocol. A token never makes a listener do more
 * than it does: the pull listener reads. An 'unauthenticated' error says why somebody stays out.
 */
export function decideAccess(credentials: Credentials, rules: AccessRules): Access | CacheError {
  const { listener, certificate, unverified, authorization } = credentials;
  const tokens = rules.tokens();
  if (tokens === undefined) {
    if (unverified || (listener === 'pull' && rules.pullAccess === 'token'))
      return refusal('this server takes no access tokens; show a client certificate on the push port');
    return { role: listener, identity: certificate };
  }
  const token = authorization === undefined ? undefined : bearer(authorization, tokens);
  if (token instanceof CacheError) return token;
  const identity: Identity | undefined = certificate ?? (token && { kind: 'token', name: token.name });
  if (listener === 'pull') {
    if (identity === undefined && rules.pullAccess === 'token')
      return refusal(
        'pulling here needs an access token and none was sent; send authorization: Bearer TOKEN',
      );
    return { role: 'pull', identity };
  }
  if (certificate !== undefined) return { role: 'push', identity };
  if (token === undefined)
    return refusal(
      'this port needs a client certificate or an access token and neither was sent; send authorization: Bearer TOKEN',
    );
  return { role: token.role, identity };
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
