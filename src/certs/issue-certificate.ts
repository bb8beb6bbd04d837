import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from './certificate-folder.ts';
import { validFor } from './init-certificates.ts';
import { newPrivateKey, privateKeyPem } from './key-pair.ts';
import { writeNew } from './owned-files.ts';

export interface IssueOptions {
  /** Where the files go. */
  folder: string;
  /** Of the user: the common name, and the files' name. */
  name: string;
  days: number;
  now?: () => Date;
}

/** A new pair, as file names and as the certificate's text. */
export interface IssuedPair {
  keyFile: string;
  certificateFile: string;
  certificatePem: string;
}

/** The pair is not made, for a file would have been overwritten. */
export class FileExistsError extends Error {
  override readonly name = 'FileExistsError';
}

/**
 * Makes NAME.key and NAME.crt for somebody who is to push. Rejects with FileExistsError where one of them is there, and
 * leaves nothing behind then.
 */
export async function issueCertificate({ folder, name, days, now }: IssueOptions): Promise<IssuedPair> {
  const [keyFile, certificateFile] = [`${name}.key`, `${name}.crt`];
  for (const file of [keyFile, certificateFile]) {
    if ((await readIfThere(join(folder, file))) !== undefined) throw alreadyThere(file);
  }
  // A library that only those who make certificates have to load.
  const { signedCertificate } = await import('./certificate.ts');
  const key = newPrivateKey();
  const certificatePem = await signedCertificate({
    commonName: name,
    purpose: 'client',
    key,
    ...validFor(days, now?.() ?? new Date()),
  });
  await writeNew(join(folder, keyFile), privateKeyPem(key), 0o600).catch(explained(keyFile));
  try {
    await writeNew(join(folder, certificateFile), certificatePem, 0o644).catch(explained(certificateFile));
  } catch (error) {
    await rm(join(folder, keyFile));
    throw error;
  }
  return { keyFile, certificateFile, certificatePem };
}

function alreadyThere(file: string): FileExistsError {
  return new FileExistsError(
    `${file} is there already and stays as it is: choose another name, or move it away`,
  );
}

function explained(file: string) {
  return (error: unknown): never => {
    throw error instanceof Error && 'code' in error && error.code === 'EEXIST' ? alreadyThere(file) : error;
  };
}
