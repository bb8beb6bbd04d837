import { X509Certificate } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { listFileName, listFolderName, readCertificateFolder, readIfThere } from './certificate-folder.ts';
import { certificateName, sha256Of } from '../core/certificate-name.ts';
import { whileListIsLocked } from './list-lock.ts';
import { makeFolder, removeFile, replaceFile } from './owned-files.ts';
import { pemBlocks } from './pem-blocks.ts';

/** Where copies of what was taken off the list are kept. Nothing reads them. */
const revokedFolderName = 'revoked';
const leastDigits = 8;
const shownDigits = 12;

/** One that was taken off the list. */
export interface Revoked {
  name: string;
  subject: string;
  sha256: string;
  /** Where it stood: `file:line`, for each place. */
  places: string[];
  /** Where a copy is. */
  copy: string;
}

/** Nothing was taken off, and why. */
export class NotRevokedError extends Error {
  override readonly name = 'NotRevokedError';
}

interface Place {
  name: string;
  certificate: X509Certificate;
  sha256: string;
  file: string;
  line: number;
  start: number;
  end: number;
}

/**
 * Takes the certificate of this name or fingerprint (SHA-256, whole or its start) off the list, wherever it stands in
 * it, and keeps a copy. Rejects with NotRevokedError where nobody or several are called that.
 */
export async function revokeCertificate(folder: string, who: string, now = new Date()): Promise<Revoked> {
  return await whileListIsLocked(folder, async () => await takeOffList(folder, who, now));
}

async function takeOffList(folder: string, who: string, now: Date): Promise<Revoked> {
  const { lists } = await readCertificateFolder(folder);
  const places = lists.flatMap(({ name, text }) => placesIn(name, text));
  const chosen = chosenFrom(places, who);
  const mine = places.filter(({ sha256 }) => sha256 === chosen.sha256);
  const copy = join(revokedFolderName, `${chosen.name}-${chosen.sha256.slice(0, shownDigits)}.crt`);
  const where = mine.map(({ file, line }) => `${file}:${line}`);
  // The copy first: a certificate that is in neither place could not be brought back.
  await makeFolder(join(folder, revokedFolderName));
  await replaceFile(
    join(folder, copy),
    `# Taken off the list at ${now.toISOString()}; it stood at ${where.join(', ')}\n${chosen.certificate.toString()}`,
  );
  // Without any list `weir certs init` would take the folder for a new one, and let its first client in.
  if ((await readIfThere(join(folder, listFileName))) === undefined)
    await replaceFile(join(folder, listFileName), '# Who may push: certificates, one after the other.\n', {
      before: undefined,
    });
  for (const { name, text } of lists) {
    const here = mine.filter(({ file }) => file === name);
    if (here.length > 0) await without(join(folder, name), text, here);
  }
  const subject = chosen.certificate.subject.replaceAll('\n', ',');
  return { name: chosen.name, subject, sha256: chosen.sha256, places: where, copy };
}

function placesIn(file: string, text: string): Place[] {
  return pemBlocks(text).flatMap(({ label, der, line, start, end }) => {
    if (label !== 'CERTIFICATE' || der === undefined) return [];
    try {
      const certificate = new X509Certificate(der);
      const name = certificateName(certificate, file);
      return [{ name, certificate, sha256: sha256Of(certificate), file, line, start, end }];
    } catch {
      return [];
    }
  });
}

function chosenFrom(places: readonly Place[], who: string): Place {
  const digits = who.replaceAll(':', '').toLowerCase();
  const isFingerprint = digits.length >= leastDigits && /^[0-9a-f]+$/.test(digits);
  const byName = places.filter(({ name }) => name === who);
  const found =
    byName.length === 0 && isFingerprint ? places.filter(({ sha256 }) => sha256.startsWith(digits)) : byName;
  const [first] = found;
  const each = [...new Map(found.map((place) => [place.sha256, place])).values()];
  if (first === undefined)
    throw new NotRevokedError(
      `nobody on the list is called ${JSON.stringify(who)}; \`weir certs list\` shows names and fingerprints`,
    );
  if (each.length === 1) return first;
  const choices = each.map(({ sha256, file, line }) => `  ${sha256}  ${file}:${line}`);
  throw new NotRevokedError(
    [
      `${each.length} certificates are called ${JSON.stringify(who)}; say which by its fingerprint:`,
      ...choices,
    ].join('\n'),
  );
}

/** The file without these blocks; one of authorized/ that held nothing else goes. `text` is what was seen in it. */
async function without(path: string, text: string, places: readonly Place[]): Promise<void> {
  let rest = text;
  // From the end, so that offsets before it stay right.
  for (const { start, end } of places.toReversed())
    rest = rest.slice(0, start) + rest.slice(end).replace(/^\r?\n/, '');
  if (basename(dirname(path)) === listFolderName && rest.trim() === '')
    await removeFile(path, { before: text });
  else await replaceFile(path, rest, { before: text });
}
