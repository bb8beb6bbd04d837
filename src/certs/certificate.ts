// The library below injects its parts by decorators, which need this to be there first.
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import { createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface CertificateRequest {
  /** Common name of whom the certificate is for. */
  commonName: string;
  purpose: 'server' | 'client';
  /** Key of whom it is for. */
  key: KeyObject;
  /** Host names and IP addresses of a server. */
  names?: readonly string[];
  notBefore: Date;
  notAfter: Date;
  /** Who signs; without it the certificate is self-signed by `key`. */
  issuer?: { commonName: string; key: KeyObject };
  /** Subject and authority key identifiers; left out only by tests. */
  identifiers?: boolean;
}

/** A signed X.509 v3 certificate as PEM text that ends in a newline. Needs private EC keys on P-256. */
export async function signedCertificate(request: CertificateRequest): Promise<string> {
  const issuer = request.issuer ?? request;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [request.commonName] }],
    issuer: [{ CN: [issuer.commonName] }],
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    publicKey: await publicCryptoKey(request.key),
    signingKey: await privateCryptoKey(issuer.key),
    signingAlgorithm: algorithm,
    extensions: await extensions(request, issuer.key),
  });
  return `${certificate.toString('pem')}\n`;
}

async function extensions(request: CertificateRequest, issuerKey: KeyObject): Promise<x509.Extension[]> {
  const { names = [], purpose, identifiers = true } = request;
  const usage = x509.ExtendedKeyUsage[purpose === 'server' ? 'serverAuth' : 'clientAuth'];
  const made: x509.Extension[] = [
    // CA:FALSE: this key signs no other certificate.
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.ExtendedKeyUsageExtension([usage]),
  ];
  if (names.length > 0) made.push(new x509.SubjectAlternativeNameExtension(names.map(generalName)));
  if (!identifiers) return made;
  made.push(await x509.SubjectKeyIdentifierExtension.create(await publicCryptoKey(request.key)));
  made.push(await x509.AuthorityKeyIdentifierExtension.create(await publicCryptoKey(issuerKey)));
  return made;
}

function generalName(value: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(value) === 0 ? 'dns' : 'ip', value };
}

function privateCryptoKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
}

function publicCryptoKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']);
}

/** 127 random bits: positive, and never a leading zero octet. */
function serialNumber(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}
