import { X509Certificate } from 'node:crypto';
import { sha256Of } from '../core/certificate-name.ts';
import type { PushScopes } from '../core/push-permissions.ts';
import { expectFolder, readCertificateFolder } from './certificate-folder.ts';
import type { Finding } from './finding.ts';
import { folderSummary } from './folder-summary.ts';
import { serverPair } from './server-pair.ts';

/** Something in the folder that expires. */
export interface ListedThing {
  kind: 'server' | 'client' | 'authority' | 'crl';
  name: string;
  subject: string;
  sha256: string;
  expires: Date;
  /** What is left, rounded down; negative when it has expired. */
  daysLeft: number;
  /** Of those who may push. */
  scopes?: PushScopes;
  file: string;
}

const dayMs = 86_400_000;

/** Everything in a folder that lets somebody push or expires, and what is wrong with the rest. */
export async function expiryList(
  folder: string,
  now: Date,
): Promise<{ things: ListedThing[]; findings: Finding[] }> {
  await expectFolder(folder);
  const contents = await readCertificateFolder(folder);
  const server = serverPair(contents.serverCertificate, contents.serverKey, now);
  const summary = await folderSummary(contents, now);
  const things: Omit<ListedThing, 'daysLeft'>[] = [];
  if (server.pair !== undefined) {
    const certificate = new X509Certificate(server.pair.certificatePem);
    const subject = certificate.subject.replaceAll('\n', ',');
    const { expires } = server.pair;
    things.push({
      kind: 'server',
      name: 'server',
      subject,
      sha256: sha256Of(certificate),
      expires,
      file: 'server.crt',
    });
  }
  for (const { name, subject, sha256, expires, scopes, file } of summary.certificates)
    things.push({ kind: 'client', name, subject, sha256, expires, scopes, file });
  for (const { name, subject, sha256, expires, file, revocations } of summary.authorities) {
    things.push({ kind: 'authority', name, subject, sha256, expires, file });
    if (revocations?.expires !== undefined)
      things.push({
        kind: 'crl',
        name,
        subject,
        sha256,
        expires: revocations.expires,
        file: revocations.file,
      });
  }
  return {
    things: things.map((thing) => Object.assign(thing, { daysLeft: daysUntil(thing.expires, now) })),
    findings: [...server.findings, ...summary.findings],
  };
}

function daysUntil(date: Date, now: Date): number {
  return Math.floor((date.getTime() - now.getTime()) / dayMs);
}
