import { X509Certificate } from 'node:crypto';
import { certificateName, sha256Of } from '../core/certificate-name.ts';
import { hasKeyIdentifiers } from './key-identifiers.ts';
import type { Finding } from './finding.ts';
import { pemBlocks } from './pem-blocks.ts';
import type { PemBlock } from './pem-blocks.ts';

/** A certificate whose holder may push. */
export interface AuthorizedCertificate {
  certificate: X509Certificate;
  /** As lists, permissions and metrics call it. */
  name: string;
  subject: string;
  /** Fingerprints in lower-case hex without colons. */
  sha1: string;
  sha256: string;
  expires: Date;
  /** Where it was found first. */
  file: string;
  line: number;
}

export interface AuthorizedList {
  certificates: AuthorizedCertificate[];
  findings: Finding[];
}

/** One file of the list: its name for messages, and its text. */
export interface ListFile {
  name: string;
  text: string;
}

/**
 * The certificates of the files, each once, in order; what cannot be used becomes a finding and is left out,
 * so that one user's broken certificate never locks out another. An expired one stays in: nginx refuses it
 * and can tell its holder why. `authorities`: those of the folder's authorities/.
 */
export function authorizedList(
  files: readonly ListFile[],
  now: Date,
  authorities: readonly X509Certificate[] = [],
): AuthorizedList {
  const findings: Finding[] = [];
  const subjects = new Set(authorities.map(({ subject }) => subject));
  const bySha256 = new Map<string, AuthorizedCertificate>();
  for (const file of files) {
    for (const block of pemBlocks(file.text)) {
      const parsed = certificateOf(block);
      if (typeof parsed === 'string') {
        findings.push({ severity: 'error', file: file.name, line: block.line, message: parsed });
        continue;
      }
      const entry = authorizedCertificate(parsed, file.name, block.line);
      if (subjects.has(parsed.subject)) {
        findings.push(posing(entry));
        continue;
      }
      if (!bySha256.has(entry.sha256)) bySha256.set(entry.sha256, entry);
    }
    if (!file.text.includes('-----') && /^[^#\s]/m.test(file.text)) {
      findings.push({ severity: 'error', file: file.name, message: 'holds no PEM certificate' });
    }
  }
  const certificates = [...bySha256.values()];
  findings.push(...validityFindings(certificates, now), ...nameFindings(certificates, subjects));
  return { certificates, findings };
}

/** openssl takes what is on the list for an authority: one with the name of a real one could sign in its name. */
function posing({ subject, file, line }: AuthorizedCertificate): Finding {
  const message = `left out: it has the subject of an authority in authorities/ (${subject}); make it again with another`;
  return { severity: 'error', file, line, message };
}

/** The certificate, or the sentence that says why there is none. */
function certificateOf(block: PemBlock): X509Certificate | string {
  if (block.label.endsWith('PRIVATE KEY')) {
    return 'a private key does not belong here: remove it, and make a new pair if others could read this file';
  }
  if (block.label !== 'CERTIFICATE') return `left out: ${block.label} is not a CERTIFICATE`;
  if (block.der === undefined) return `left out: this certificate ${block.fault}; append it again`;
  try {
    return new X509Certificate(block.der);
  } catch {
    return 'left out: this certificate cannot be parsed; append it again';
  }
}

function authorizedCertificate(
  certificate: X509Certificate,
  file: string,
  line: number,
): AuthorizedCertificate {
  return {
    certificate,
    name: certificateName(certificate, file),
    subject: certificate.subject.replaceAll('\n', ','),
    sha1: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    sha256: sha256Of(certificate),
    expires: new Date(certificate.validTo),
    file,
    line,
  };
}

function validityFindings(certificates: readonly AuthorizedCertificate[], now: Date): Finding[] {
  return certificates.flatMap((entry) => {
    const starts = new Date(entry.certificate.validFrom);
    if (entry.expires < now) {
      return [warning(entry, `expired on ${day(entry.expires)}: its holder can no longer push`)];
    }
    return starts > now ? [warning(entry, `is valid from ${day(starts)} on: until then it is refused`)] : [];
  });
}

/**
 * openssl finds the listed certificate by its subject. Where several share one and have no key identifiers
 * it only tries the first, so that the others are refused.
 */
function nameFindings(
  certificates: readonly AuthorizedCertificate[],
  authorities: ReadonlySet<string>,
): Finding[] {
  const bySubject = Map.groupBy(certificates, ({ certificate }) => certificate.subject);
  return certificates.flatMap((entry) => {
    const { certificate } = entry;
    const namesakes = bySubject.get(certificate.subject) ?? [];
    if (namesakes.length > 1 && namesakes[0] !== entry && !hasKeyIdentifiers(certificate)) {
      const first = `${namesakes[0]?.file}:${namesakes[0]?.line}`;
      return [
        warning(
          entry,
          `will be refused: it has the subject of the certificate at ${first} and no key identifiers to tell ` +
            'them apart. Make it again with another subject, or with certs/new-client, which adds identifiers',
        ),
      ];
    }
    const isKnown = bySubject.has(certificate.issuer) || authorities.has(certificate.issuer);
    if (certificate.issuer !== certificate.subject && !isKnown) {
      const issuer = certificate.issuer.replaceAll('\n', ',');
      return [
        warning(
          entry,
          `will be refused: its issuer (${issuer}) is not in the list. Append that certificate too`,
        ),
      ];
    }
    return [];
  });
}

function warning(entry: AuthorizedCertificate, message: string): Finding {
  return { severity: 'warning', file: entry.file, line: entry.line, message: `${entry.subject} ${message}` };
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
