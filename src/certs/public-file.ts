import { X509Certificate } from 'node:crypto';
import { readIfThere } from './certificate-folder.ts';
import type { FolderSummary } from './folder-summary.ts';
import { sha256Of } from '../core/certificate-name.ts';
import { replaceFile } from './owned-files.ts';
import { publicCertificatesText } from '../core/public-certificates.ts';
import type { PublicCertificate, PublicCertificates } from '../core/public-certificates.ts';

/** What the server may know of a folder. `serverPem`: the certificate that nginx shows. */
export function publicCertificates(
  { certificates, authorities, rules }: FolderSummary,
  serverPem: string,
): PublicCertificates {
  const server = new X509Certificate(serverPem);
  const subject = server.subject.replaceAll('\n', ',');
  const all: PublicCertificate[] = [
    { kind: 'server', name: 'server', subject, sha256: sha256Of(server), expires: new Date(server.validTo) },
    ...certificates.map(({ name, subject, sha256, expires }) => ({
      kind: 'client' as const,
      name,
      subject,
      sha256,
      expires,
    })),
  ];
  for (const { name, subject, sha256, expires, revocations } of authorities) {
    all.push({ kind: 'authority', name, subject, sha256, expires });
    if (revocations?.expires !== undefined)
      all.push({ kind: 'crl', name, subject, sha256, expires: revocations.expires });
  }
  return {
    certificates: all,
    rules,
    authorities: authorities.map(({ subject, certificate, revocations, closed }) => ({
      subject,
      certificate: certificate.toString(),
      revoked: revocations?.revoked ?? [],
      revokedUntil: revocations?.expires,
      closed,
    })),
  };
}

/** Replaces the file in one step where its text would be another. */
export async function writePublicFile(path: string, content: PublicCertificates): Promise<void> {
  const text = publicCertificatesText(content);
  const before = await readIfThere(path).catch(() => undefined);
  if (before !== text) await replaceFile(path, text);
}
