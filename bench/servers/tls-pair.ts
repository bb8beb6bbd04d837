import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signedCertificate } from '../../src/certs/certificate.ts';
import { newPrivateKey, privateKeyPem } from '../../src/certs/key-pair.ts';
import type { TlsPair } from './server-kind.ts';

const hour = 3_600_000;

/** A pair as `weir certs init` makes it, for a server of 127.0.0.1, good for some hours. */
export async function tlsPair(folder: string): Promise<TlsPair> {
  const key = newPrivateKey();
  const certificate = await signedCertificate({
    commonName: 'localhost',
    purpose: 'server',
    names: ['127.0.0.1'],
    key,
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + 24 * hour),
  });
  const [certificateFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  await Promise.all([writeFile(certificateFile, certificate), writeFile(keyFile, privateKeyPem(key))]);
  return { certificate, certificateFile, keyFile };
}
