import type { PermissionRule, PushScope } from './push-permissions.ts';

/** What a certificate of the file is for, or that it is a list of revoked ones. */
export type CertificateKind = 'server' | 'client' | 'authority' | 'crl';

/** Something that expires. */
export interface PublicCertificate {
  readonly kind: CertificateKind;
  readonly name: string;
  readonly subject: string;
  /** Lower-case hex; for a list of revoked certificates that of its authority. */
  readonly sha256: string;
  readonly expires: Date;
}

/** Whose signatures let clients in. */
export interface PublicAuthority {
  readonly subject: string;
  /** PEM of its certificate. */
  readonly certificate: string;
  /** Serial numbers that it has taken back: lower-case hex without leading zeros. */
  readonly revoked: readonly string[];
  /** Until when that list is good; undefined where it does not say, or there is none. */
  readonly revokedUntil: Date | undefined;
  /** Its list cannot be used: nobody that it signed gets in. */
  readonly closed: boolean;
}

/** What `weir certs sync` tells the server of the certificates' folder. Nothing in it is secret. */
export interface PublicCertificates {
  readonly certificates: readonly PublicCertificate[];
  readonly authorities: readonly PublicAuthority[];
  readonly rules: readonly PermissionRule[];
}

const formatVersion = 1;
const fault = 'is not a file that `weir certs sync --public` of this version has written';

/** The text of the file. */
export function publicCertificatesText(content: PublicCertificates): string {
  return `${JSON.stringify({ version: formatVersion, ...content }, undefined, 1)}\n`;
}

/** Throws with the rest of a sentence about the file where it is not what publicCertificatesText gives. */
export function parsePublicCertificates(text: string): PublicCertificates {
  const top = record(json(text));
  if (top['version'] !== formatVersion) throw new Error(fault);
  return {
    certificates: list(top['certificates']).map((each) => {
      const entry = record(each);
      return {
        kind: kindOf(entry['kind']),
        name: string(entry['name']),
        subject: string(entry['subject']),
        sha256: string(entry['sha256']),
        expires: date(entry['expires']),
      };
    }),
    authorities: list(top['authorities']).map((each) => {
      const entry = record(each);
      const until = entry['revokedUntil'];
      return {
        subject: string(entry['subject']),
        certificate: string(entry['certificate']),
        revoked: list(entry['revoked']).map(string),
        revokedUntil: until === undefined ? undefined : date(until),
        closed: entry['closed'] !== false,
      };
    }),
    rules: list(top['rules']).map((each) => {
      const entry = record(each);
      return {
        who: string(entry['who']),
        line: Number(entry['line']),
        scopes: list(entry['scopes']).map(scopeOf),
      };
    }),
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(fault);
  }
}

function scopeOf(value: unknown): PushScope {
  const entry = record(value);
  return { instance: string(entry['instance']), prefix: string(entry['prefix']) };
}

function kindOf(value: unknown): CertificateKind {
  if (value === 'server' || value === 'client' || value === 'authority' || value === 'crl') return value;
  throw new Error(fault);
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(fault);
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(fault);
  return value;
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw new Error(fault);
  return value;
}

function date(value: unknown): Date {
  const parsed = new Date(string(value));
  if (Number.isNaN(parsed.getTime())) throw new Error(fault);
  return parsed;
}
