// Key pairs for a site and its users, the good ones and those that have to be refused.
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { signedCertificate } from '../../src/certs/certificate.ts';

export interface CertificateFiles {
  certificate: string;
  key: string;
}

export interface SiteCertificates {
  folder: string;
  /** The pair that the server shows: server.crt and server.key. */
  server: CertificateFiles;
  /** Concatenated certificates of the clients on the list: the admitted one and the expired one. */
  authorized: string;
  clients: Record<'admitted' | 'stranger' | 'expired', CertificateFiles>;
}

const day = 24 * 3600 * 1000;
const servers = {
  good: { names: ['localhost', '127.0.0.1'], untilDays: 30 },
  expired: { names: ['localhost', '127.0.0.1'], untilDays: -1 },
  elsewhere: { names: ['cache.example'], untilDays: 30 },
};
export type ServerKind = keyof typeof servers;

/** Writes the pairs and the list to a new folder, in the files that Weir's `certs/` has. */
export async function siteCertificates(folder: string, kind: ServerKind): Promise<SiteCertificates> {
  await mkdir(folder, { recursive: true });
  const server = await writePair(folder, 'server', servers[kind].names, servers[kind].untilDays);
  const admitted = await writePair(folder, 'client', [], 30);
  const stranger = await writePair(folder, 'stranger', [], 30);
  const expired = await writePair(folder, 'expired', [], -1);
  const authorized = join(folder, 'authorized.crt');
  await writeFile(authorized, admitted.text + expired.text);
  return { folder, server, authorized, clients: { admitted, stranger, expired } };
}

async function writePair(folder: string, name: string, names: string[], untilDays: number) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const text = signedCertificate({
    // BuildStream's page gives every client the same name, so these have it too.
    commonName: names[0] ?? 'client',
    purpose: name === 'server' ? 'server' : 'client',
    key: privateKey,
    names,
    notBefore: new Date(Date.now() - 10 * day),
    notAfter: new Date(Date.now() + untilDays * day),
  });
  const files = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`), text };
  await writeFile(files.certificate, text);
  await writeFile(files.key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return files;
}
