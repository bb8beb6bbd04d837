import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { listFileName, readCertificateFolder, readIfThere } from './certificate-folder.ts';
import { ecPrivateKey, newPrivateKey, privateKeyPem } from './key-pair.ts';
import { whileListIsLocked } from './list-lock.ts';
import { makeFolder, writeNew } from './owned-files.ts';
import { serverFiles } from './server-pair.ts';

/** Names of the first client's files: those of the seed's page. */
const clientFiles = { certificate: 'client.crt', key: 'client.key' } as const;

export interface InitOptions {
  /** The certificates' folder; made if it is not there. */
  folder: string;
  /** Host names and addresses in the server's certificate; the first becomes its common name. */
  names: readonly string[];
  /** Makes no client's pair and no list, whatever is there. */
  serverOnly?: boolean;
  now?: () => Date;
}

/** A certificate that says why it was not made. */
export class IncompletePairError extends Error {
  override readonly name = 'IncompletePairError';
}

/** How long a new certificate is good for. */
export const tenYearsDays = 3650;
const dayMs = 86_400_000;
// A client whose clock is a little behind should not find the certificate not valid yet.
const clockSkewMs = 5 * 60_000;

/** From now on, for so many days. */
export function validFor(days: number, now: Date): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(now.getTime() + days * dayMs),
  };
}

/**
 * Makes what is missing and overwrites nothing: the server's pair; and, where nobody has been authorised yet, a
 * first client's pair with the list that holds its certificate. Names of the files made.
 * Rejects with IncompletePairError where a certificate is there without its key.
 */
export async function initCertificates(options: InitOptions): Promise<string[]> {
  const { folder, names, serverOnly = false } = options;
  await mkdir(dirname(folder), { recursive: true });
  await makeFolder(folder);
  const now = options.now?.() ?? new Date();
  // A library that only those who make certificates have to load.
  const { signedCertificate } = await import('./certificate.ts');
  const validity = validFor(tenYearsDays, now);
  const made = await makePair(folder, serverFiles, (key) =>
    signedCertificate({ commonName: names[0] ?? 'localhost', purpose: 'server', names, key, ...validity }),
  );
  if (serverOnly) return made;
  if (await hasList(folder)) return made;
  return await whileListIsLocked(folder, async () => {
    // Somebody may have been authorised since.
    if (await hasList(folder)) return made;
    const pair = await makePair(folder, clientFiles, (key) =>
      signedCertificate({ commonName: 'client', purpose: 'client', key, ...validity }),
    );
    const clientCertificate = await readIfThere(join(folder, clientFiles.certificate));
    await writeNew(join(folder, listFileName), clientCertificate ?? '', 0o644);
    return [...made, ...pair, listFileName];
  });
}

/** Whoever brings a list has clients; one more pair that is not on it would only confuse. */
async function hasList(folder: string): Promise<boolean> {
  return (await readCertificateFolder(folder)).lists.length > 0;
}

async function makePair(
  folder: string,
  files: { certificate: string; key: string },
  certificateFor: (key: KeyObject) => Promise<string>,
): Promise<string[]> {
  const certificate = await readIfThere(join(folder, files.certificate));
  const oldKey = await readIfThere(join(folder, files.key));
  if (certificate !== undefined) {
    // A client keeps its key to itself: only the server's is needed here.
    if (oldKey !== undefined || files === clientFiles) return [];
    throw new IncompletePairError(
      `${files.certificate} is there without ${files.key}: put its key beside it, or remove it to have a new pair made`,
    );
  }
  if (oldKey !== undefined) {
    await writeNew(
      join(folder, files.certificate),
      await certificateFor(usableKey(files.key, oldKey)),
      0o644,
    );
    return [files.certificate];
  }
  const key = newPrivateKey();
  await writeNew(join(folder, files.key), privateKeyPem(key), 0o600);
  await writeNew(join(folder, files.certificate), await certificateFor(key), 0o644);
  return [files.key, files.certificate];
}

function usableKey(file: string, pem: string): KeyObject {
  try {
    return ecPrivateKey(pem);
  } catch {
    throw new IncompletePairError(
      `${file} is there without its certificate, and is no plain EC key that one could be made for: ` +
        'put the certificate beside it, or remove it to have a new pair made',
    );
  }
}
