import { isDeepStrictEqual } from 'node:util';
import { readCertificateFolder } from './certificate-folder.ts';
import type { FolderContents } from './certificate-folder.ts';
import type { Finding } from './finding.ts';
import { folderSummary } from './folder-summary.ts';
import type { FolderSummary, Pusher } from './folder-summary.ts';
import { installCopy, readCopy } from './installed-copy.ts';
import type { CopyContents, Owner } from './installed-copy.ts';
import { newPrivateKey } from './key-pair.ts';
import { publicCertificates, writePublicFile } from './public-file.ts';
import { serverFiles, serverPair } from './server-pair.ts';

export interface SyncOptions {
  /** The certificates' folder. */
  folder: string;
  /** Where nginx's copy goes. */
  out: string;
  /** Who gets the copy; without it, whoever runs this. */
  owner?: Owner;
  /** Where to tell the server what it may know of the folder, if anywhere. */
  publicFile?: string | undefined;
  now?: () => Date;
}

export interface SyncResult {
  /** A usable copy is in place: from this round or, when the pair is broken, an earlier one. */
  ready: boolean;
  /** This round replaced the copy. */
  changed: boolean;
  certificates: Pusher[];
  findings: Finding[];
}

/**
 * One round: checks the folder and, where its meaning has changed, replaces nginx's copy.
 * Broken parts become findings and never reach nginx. Rejects when a file cannot be read or written;
 * the copy in use then stays as it is.
 */
export async function syncCertificates(options: SyncOptions): Promise<SyncResult> {
  return await syncContents(await readCertificateFolder(options.folder), options);
}

/** The same for contents that were read before. */
export async function syncContents(contents: FolderContents, options: SyncOptions): Promise<SyncResult> {
  const now = options.now?.() ?? new Date();
  const previous = await readCopy(options.out);
  const summary = await folderSummary(contents, now);
  const server = serverPair(contents.serverCertificate, contents.serverKey, now);
  const findings = [...server.findings, ...summary.findings];
  if (!server.pair) {
    const fate = previous
      ? 'the pair in use stays in use until this is mended'
      : 'nothing can be served until this is mended; `weir certs init` makes a pair where there is none';
    findings.push({ severity: 'error', file: serverFiles.certificate, message: fate });
  }
  const certificatePem = server.pair?.certificatePem ?? previous?.serverCertificate;
  const keyPem = server.pair?.keyPem ?? previous?.serverKey;
  const result = { certificates: summary.certificates, findings };
  if (certificatePem === undefined || keyPem === undefined)
    return { ready: false, changed: false, ...result };
  const wanted: CopyContents = {
    serverCertificate: certificatePem,
    serverKey: keyPem,
    authorized: await authorizedPem(summary, previous),
    fingerprints: fingerprintMap(summary),
  };
  // First: until the server knows a certificate it lets its holder do nothing, whatever nginx says.
  if (options.publicFile !== undefined)
    await writePublicFile(options.publicFile, publicCertificates(summary, certificatePem));
  const changed = previous === undefined || !isDeepStrictEqual(previous, wanted);
  if (changed) await installCopy(options.out, wanted, options.owner);
  return { ready: true, changed, ...result };
}

async function authorizedPem(
  { certificates, authorities }: FolderSummary,
  previous: CopyContents | undefined,
): Promise<string> {
  const trusted = [...certificates, ...authorities];
  if (trusted.length > 0) return trusted.map(({ certificate }) => certificate.toString()).join('');
  // Not made anew each time: that would be a change for nginx to reload.
  if (previous?.fingerprints === '') return previous.authorized;
  return await throwawayCertificate();
}

/** nginx does not start with an empty list. Nobody holds this one's key, and its fingerprint is in no map. */
async function throwawayCertificate(): Promise<string> {
  // A library that only those who make certificates have to load.
  const { signedCertificate } = await import('./certificate.ts');
  return await signedCertificate({
    commonName: 'nobody is authorised yet',
    purpose: 'client',
    key: newPrivateKey(),
    notBefore: new Date(0),
    notAfter: new Date(1),
  });
}

/** Who is on the list, and whether there are authorities, whose signatures the server looks at. */
function fingerprintMap({ certificates, authorities }: FolderSummary): string {
  const lines = certificates.map(({ sha1, sha256 }) => `"${sha1}" "${sha256}";\n`);
  if (authorities.length > 0) lines.push('"authorities" "1";\n');
  return lines.join('');
}
