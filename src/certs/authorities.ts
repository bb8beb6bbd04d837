import { X509Certificate } from 'node:crypto';
import type { ListFile } from './authorized-list.ts';
import { certificateName, sha256Of } from '../core/certificate-name.ts';
import type { Finding } from './finding.ts';
import { pemBlocks } from './pem-blocks.ts';
import type { RevocationFile, RevocationList } from './revocation-lists.ts';

/** Who may sign the certificates of those who may push. */
export interface Authority {
  certificate: X509Certificate;
  name: string;
  subject: string;
  sha256: string;
  expires: Date;
  file: string;
  line: number;
  /** The newest list of what it has taken back; undefined where there is none, and everything it signed counts. */
  revocations: RevocationList | undefined;
  /** Its list is there and cannot be used: nobody that it signed gets in, since nobody knows who was taken off. */
  closed: boolean;
}

/**
 * The authorities of the folder's authorities/, each with its revocation list. What cannot be used becomes a finding:
 * a certificate is left out; a revocation list closes the authority whose file has the same name, or all of them.
 */
export async function authoritiesOf(
  files: readonly ListFile[],
  revocationFiles: readonly RevocationFile[],
  now: Date,
): Promise<{ authorities: Authority[]; findings: Finding[] }> {
  const findings: Finding[] = [];
  const bySha256 = new Map<string, Authority>();
  for (const file of files) {
    for (const block of pemBlocks(file.text)) {
      const parsed = authorityOf(block, file.name);
      if (typeof parsed === 'string')
        findings.push({ severity: 'error', file: file.name, line: block.line, message: parsed });
      else if (!bySha256.has(parsed.sha256)) bySha256.set(parsed.sha256, parsed);
    }
  }
  const authorities = [...bySha256.values()];
  findings.push(...authorities.flatMap((authority) => chainFindings(authority, authorities, now)));
  if (authorities.length > 0 && revocationFiles.length > 0) {
    // A library that only those who have such lists have to load.
    const { revocationList } = await import('./revocation-lists.ts');
    for (const file of revocationFiles)
      findings.push(...(await applied(file.name, revocationList(file), authorities)));
    findings.push(...authorities.flatMap((authority) => agedFindings(authority, now)));
  }
  return { authorities, findings };
}

function authorityOf(
  { label, der, fault, line }: ReturnType<typeof pemBlocks>[number],
  file: string,
): Authority | string {
  if (label.endsWith('PRIVATE KEY')) return 'a private key does not belong here: remove it';
  if (label !== 'CERTIFICATE') return `left out: ${label} is not a CERTIFICATE`;
  try {
    if (der === undefined) return `left out: this certificate ${fault}; copy it again`;
    const certificate = new X509Certificate(der);
    const subject = certificate.subject.replaceAll('\n', ',');
    if (!certificate.ca)
      return `left out: ${subject} is no authority (CA:FALSE); certificates of users belong into authorized/`;
    return {
      certificate,
      name: certificateName(certificate, file),
      subject,
      sha256: sha256Of(certificate),
      expires: new Date(certificate.validTo),
      file,
      line,
      revocations: undefined,
      closed: false,
    };
  } catch {
    return 'left out: this certificate cannot be parsed; copy it again';
  }
}

function chainFindings(
  { certificate, subject, expires, file, line }: Authority,
  all: readonly Authority[],
  now: Date,
): Finding[] {
  const warning = (message: string): Finding => ({
    severity: 'warning',
    file,
    line,
    message: `${subject} ${message}`,
  });
  if (expires < now) return [warning(`expired on ${day(expires)}: nobody that it signed can push`)];
  const isRoot = certificate.issuer === certificate.subject;
  if (isRoot || all.some((other) => other.certificate.subject === certificate.issuer)) return [];
  const issuer = certificate.issuer.replaceAll('\n', ',');
  return [
    warning(
      `is signed by ${issuer}, which is not in authorities/: nginx accepts nobody until it is there too`,
    ),
  ];
}

/** Gives a list to the authorities that signed it. */
async function applied(
  file: string,
  list: RevocationList | string,
  authorities: readonly Authority[],
): Promise<Finding[]> {
  const error = (message: string): Finding[] => [{ severity: 'error', file, message }];
  if (typeof list === 'string') {
    const closed = close(file, authorities);
    return error(`${list}: until it is mended or removed, nobody signed by ${closed} can push`);
  }
  let known = false;
  for (const authority of authorities) {
    if (!(await list.isOf(authority.certificate))) continue;
    known = true;
    if ((authority.revocations?.issued ?? new Date(0)) < list.issued) authority.revocations = list;
  }
  if (known) return [];
  const closed = close(file, authorities);
  return error(
    `is signed by no authority of authorities/: until it is mended or removed, nobody signed by ${closed} can push`,
  );
}

/** Closes those that a list is meant for, as far as one can tell; gives back what they are called. */
function close(file: string, authorities: readonly Authority[]): string {
  const base = (name: string) => name.replace(/\.[^.]*$/, '');
  const namesakes = authorities.filter((authority) => base(authority.file) === base(file));
  const meant = namesakes.length > 0 ? namesakes : authorities;
  for (const authority of meant) authority.closed = true;
  return namesakes.length > 0 ? namesakes.map(({ subject }) => subject).join(' and ') : 'any authority';
}

function agedFindings({ revocations, subject }: Authority, now: Date): Finding[] {
  if (revocations?.expires === undefined || revocations.expires >= now) return [];
  const { file, expires } = revocations;
  const message = `is out of date since ${expires.toISOString()}: until there is a newer one, nobody signed by ${subject} can push`;
  return [{ severity: 'error', file, message }];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
