import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { certificateToList, whyRefused } from './acceptance.ts';
import { authoritiesOf } from './authorities.ts';
import { authorizedList } from './authorized-list.ts';
import { listFileName, listFolderName, readCertificateFolder, readIfThere } from './certificate-folder.ts';
import { certificateName, sha256Of } from '../core/certificate-name.ts';
import { FileExistsError } from './issue-certificate.ts';
import { whileListIsLocked } from './list-lock.ts';
import { makeFolder, replaceFile, writeNew } from './owned-files.ts';

export interface AuthorizeOptions {
  /** The certificates' folder. */
  folder: string;
  /** What was given, for messages. */
  source: string;
  /** PEM of one certificate. */
  text: string;
  /** What to call it; else the common name of its subject. */
  name?: string | undefined;
  /** Whether it goes to the end of authorized.crt instead of a file of its own. */
  append?: boolean;
  now?: () => Date;
}

/** What became of it. */
export interface Authorized {
  certificate: X509Certificate;
  sha256: string;
  name: string;
  expires: Date;
  /** Where it is on the list. */
  file: string;
  /** False when it was on the list before. */
  added: boolean;
}

/** The certificate is not put on the list, and why. */
class NotAuthorizedError extends Error {
  override readonly name = 'NotAuthorizedError';
}

/**
 * Puts a certificate on the list of those who may push, in one step; one that is there stays where it is. Rejects with
 * NotAuthorizedError where its holder could not push all the same, and changes nothing then.
 */
export async function authorizeCertificate(options: AuthorizeOptions): Promise<Authorized> {
  const { folder, source, text } = options;
  const certificate = certificateToList(text);
  if (typeof certificate === 'string') throw new NotAuthorizedError(`${source} ${certificate}`);
  return await whileListIsLocked(folder, async () => await putOnList(certificate, options));
}

async function putOnList(certificate: X509Certificate, options: AuthorizeOptions): Promise<Authorized> {
  const { folder, source } = options;
  const now = options.now?.() ?? new Date();
  const contents = await readCertificateFolder(folder);
  const { authorities } = await authoritiesOf(contents.authorities, [], now);
  const { certificates } = authorizedList(
    contents.lists,
    now,
    authorities.map((authority) => authority.certificate),
  );
  const sha256 = sha256Of(certificate);
  const expires = new Date(certificate.validTo);
  const listed = certificates.find((entry) => entry.sha256 === sha256);
  if (listed !== undefined)
    return { certificate, sha256, expires, name: listed.name, file: listed.file, added: false };
  const why = await whyRefused(certificate, { certificates, authorities }, now);
  if (why !== undefined)
    throw new NotAuthorizedError(`${source} (${certificate.subject.replaceAll('\n', ',')}) ${why}`);
  const name = options.name ?? certificateName(certificate);
  const file = options.append === true ? listFileName : join(listFolderName, `${name}.crt`);
  if (options.append === true) await append(join(folder, listFileName), certificate);
  else await addFile(folder, file, certificate);
  return { certificate, sha256, expires, name: certificateName(certificate, file), file, added: true };
}

async function append(path: string, certificate: X509Certificate): Promise<void> {
  const before = await readIfThere(path);
  const newline = before === undefined || before === '' || before.endsWith('\n') ? '' : '\n';
  await replaceFile(path, `${before ?? ''}${newline}${certificate.toString()}`, { before });
}

async function addFile(folder: string, file: string, certificate: X509Certificate): Promise<void> {
  await makeFolder(join(folder, listFolderName));
  const path = join(folder, file);
  if ((await readIfThere(path)) !== undefined) throw taken(file);
  await writeNew(path, certificate.toString(), 0o644).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error && error.code === 'EEXIST' ? taken(file) : error;
  });
}

function taken(file: string): FileExistsError {
  return new FileExistsError(
    `${file} is there with another certificate and stays as it is: give this one another name by --name`,
  );
}
