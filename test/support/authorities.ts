// Authorities that sign certificates of clients, and their lists of revoked ones.
import 'reflect-metadata';
import { createPublicKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { newPrivateKey } from '../../src/certs/key-pair.ts';

/** What signs: a name, a key, and the certificate of both. */
export interface TestAuthority {
  commonName: string;
  key: KeyObject;
  certificatePem: string;
}

const hour = 3_600_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** An authority for an hour, self-signed or signed by another one. */
export async function newAuthority(
  commonName: string,
  issuer?: { commonName: string; key: KeyObject },
): Promise<TestAuthority> {
  const key = newPrivateKey();
  const publicKey = await publicCryptoKey(key);
  const signer = issuer ?? { commonName, key };
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: [{ CN: [commonName] }],
    issuer: [{ CN: [signer.commonName] }],
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + hour),
    publicKey,
    signingKey: await privateCryptoKey(signer.key),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await publicCryptoKey(signer.key)),
    ],
  });
  return { commonName, key, certificatePem: `${certificate.toString('pem')}\n` };
}

/** PEM of a list of these certificates, good for an hour or until an hour ago. */
export async function newRevocationList(
  { commonName, key }: TestAuthority,
  revoked: readonly { certificatePem: string }[],
  validity: 'valid' | 'expired' = 'valid',
): Promise<string> {
  const now = Date.now();
  const crl = await x509.X509CrlGenerator.create({
    issuer: `CN=${commonName}`,
    thisUpdate: new Date(now - 2 * hour + (validity === 'valid' ? hour : 0)),
    nextUpdate: new Date(validity === 'valid' ? now + hour : now - hour),
    entries: revoked.map(({ certificatePem }) => ({
      serialNumber: new X509Certificate(certificatePem).serialNumber,
      revocationDate: new Date(now - 2 * hour),
    })),
    signingAlgorithm: algorithm,
    signingKey: await privateCryptoKey(key),
  });
  // As openssl writes it.
  return `${crl.toString('pem').replaceAll(' CRL-', ' X509 CRL-')}\n`;
}

async function privateCryptoKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
}

async function publicCryptoKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return await webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']);
}
