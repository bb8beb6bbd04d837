import { X509Certificate } from 'node:crypto';
import { CacheError } from './cache-error.ts';
import { certificateName, plainSerial, sha256Of } from './certificate-name.ts';
import type { Clock } from './clock.ts';
import type { Identity } from './observer.ts';
import type { PublicAuthority, PublicCertificates } from './public-certificates.ts';
import { type PushScopes, scopesFor } from './push-permissions.ts';

type CertificateIdentity = Extract<Identity, { kind: 'certificate' }>;

/** Whom a certificate stands for, and what that one may push. */
export interface Judged {
  readonly identity: CertificateIdentity;
  readonly scopes: PushScopes;
}

/** Tells by what an operator has said of certificates who somebody is; an 'unauthenticated' error says why nobody. */
export interface CertificateJudge {
  /** One that the proxy has found on its list. */
  listed(identity: CertificateIdentity): Judged | CacheError;
  /** One that some authority has signed, as PEM with percent signs; that its holder has the key the proxy has seen. */
  signed(escapedPem: string): Judged | CacheError;
}

/** A certificate that an authority has signed. */
interface Signed extends Judged {
  readonly authority: PublicAuthority;
  readonly validFrom: number;
  readonly validTo: number;
}

/** Certificates are looked at once; of so many the result is kept. */
const mostKept = 1000;

/** The judge for what the file says. */
export function certificateJudge(
  { certificates, authorities, rules }: PublicCertificates,
  now: Clock,
): CertificateJudge {
  const clients = new Map(
    certificates.filter(({ kind }) => kind === 'client').map((entry) => [entry.sha256, entry]),
  );
  const signers = authorities.map((authority) => ({
    authority,
    certificate: new X509Certificate(authority.certificate),
    revoked: new Set(authority.revoked),
  }));
  const kept = new Map<string, Signed | CacheError>();

  function look(escapedPem: string): Signed | CacheError {
    const certificate = parsed(escapedPem);
    if (certificate === undefined) return refusal('this client certificate cannot be read');
    if (certificate.ca)
      return refusal('the certificate of an authority is not for clients; show one of your own');
    const signer = signers.find((candidate) => isSignedBy(certificate, candidate.certificate));
    if (signer === undefined)
      return refusal(
        'this client certificate is not signed by an authority that counts here itself; ask the operator of the cache for one that is, or to list it',
      );
    const { authority, revoked } = signer;
    if (revoked.has(plainSerial(certificate.serialNumber)))
      return refusal('this client certificate was revoked; ask the operator of the cache for a new one');
    const sha256 = sha256Of(certificate);
    const name = certificateName(certificate);
    return {
      identity: { kind: 'certificate', fingerprint: sha256, subject: subjectOf(certificate), name },
      scopes: scopesFor(rules, { name, sha256 }),
      authority,
      validFrom: Date.parse(certificate.validFrom),
      validTo: Date.parse(certificate.validTo),
    };
  }

  return {
    listed(identity) {
      const entry = clients.get(identity.fingerprint);
      if (entry === undefined)
        return refusal(
          'this client certificate is not on the list of those who may push; if it was just put there, try again in a moment',
        );
      const { name, sha256 } = entry;
      return { identity: { ...identity, name }, scopes: scopesFor(rules, { name, sha256 }) };
    },

    signed(escapedPem) {
      let found = kept.get(escapedPem);
      if (found === undefined) {
        found = look(escapedPem);
        if (kept.size >= mostKept) kept.clear();
        kept.set(escapedPem, found);
      }
      if (found instanceof CacheError) return found;
      return ageProblem(found, now()) ?? { identity: found.identity, scopes: found.scopes };
    },
  };
}

function ageProblem({ authority, validFrom, validTo }: Signed, now: number): CacheError | undefined {
  if (now < validFrom || now > validTo)
    return refusal('this client certificate has expired or is not valid yet; ask for a new one');
  const { closed, revokedUntil } = authority;
  if (!closed && (revokedUntil === undefined || now <= revokedUntil.getTime())) return undefined;
  return refusal(
    'the list of what the authority of this client certificate has revoked is out of date or broken, so nobody that it signed gets in; tell the operator of the cache',
  );
}

/** By the key, and not by the names alone: whoever is on the list could sign in anybody's name. */
function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}

function parsed(escapedPem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(decodeURIComponent(escapedPem));
  } catch {
    return undefined;
  }
}

function subjectOf({ subject }: X509Certificate): string {
  // RFC 2253 has the last part first, as nginx gives it.
  return subject.split('\n').toReversed().join(',');
}

function refusal(message: string): CacheError {
  return new CacheError('unauthenticated', message);
}
