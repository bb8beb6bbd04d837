import { createHash, createPublicKey, randomBytes, sign } from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { contextTag, element, elements, objectIdentifier, sequence, tag, time } from './der.ts';

// X.509 v3 (RFC 5280) with an EC key. Written by hand: two kinds of certificate with fixed extensions do
// not need a library of twenty packages (docs/adr/0010).

const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export interface CertificateRequest {
  /** Common name of whom the certificate is for. */
  commonName: string;
  purpose: 'server' | 'client';
  /** Key of whom it is for (public or private). */
  key: KeyObject;
  /** Host names and IP addresses of a server. */
  names?: readonly string[];
  notBefore: Date;
  notAfter: Date;
  /** Who signs; without it the certificate is self-signed by `key`, which then has to be private. */
  issuer?: { commonName: string; key: KeyObject };
  /** Subject and authority key identifiers; left out only by tests. */
  identifiers?: boolean;
}

/** A signed certificate as PEM text that ends in a newline. Needs EC keys. */
export function signedCertificate(request: CertificateRequest): string {
  const issuer = request.issuer ?? request;
  const algorithm = sequence(objectIdentifier(oid.ecdsaWithSha256));
  const toBeSigned = sequence(
    element(contextTag(0, 'constructed'), element(tag.integer, Buffer.from([2]))),
    element(tag.integer, serialNumber()),
    algorithm,
    distinguishedName(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    distinguishedName(request.commonName),
    publicKeyInfo(request.key),
    element(contextTag(3, 'constructed'), sequence(...extensions(request, issuer.key))),
  );
  const signature = sign('sha256', toBeSigned, issuer.key);
  const der = sequence(toBeSigned, algorithm, element(tag.bitString, Buffer.from([0]), signature));
  return pemCertificate(der);
}

/** PEM text of a certificate's DER form, ending in a newline. */
export function pemCertificate(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Whether a certificate says which key it is for and which key signed it. */
export function hasKeyIdentifiers(certificate: X509Certificate): boolean {
  const present = new Set(
    extensionIdentifiers(certificate.raw).map((identifier) => identifier.toString('hex')),
  );
  return [oid.subjectKeyIdentifier, oid.authorityKeyIdentifier]
    .map((dotted) => objectIdentifier(dotted).subarray(2).toString('hex'))
    .every((wanted) => present.has(wanted));
}

function extensions(request: CertificateRequest, issuerKey: KeyObject): Buffer[] {
  const { names = [], purpose, identifiers = true } = request;
  const usage = purpose === 'server' ? oid.serverAuth : oid.clientAuth;
  return [
    // An empty sequence says CA:FALSE: this key signs no other certificate.
    extension(oid.basicConstraints, sequence(), 'critical'),
    extension(oid.extendedKeyUsage, sequence(objectIdentifier(usage))),
    ...(names.length > 0 ? [extension(oid.subjectAlternativeName, sequence(...names.map(generalName)))] : []),
    ...(identifiers
      ? [
          extension(oid.subjectKeyIdentifier, element(tag.octetString, keyIdentifier(request.key))),
          extension(
            oid.authorityKeyIdentifier,
            sequence(element(contextTag(0, 'primitive'), keyIdentifier(issuerKey))),
          ),
        ]
      : []),
  ];
}

function extension(identifier: string, value: Buffer, critical?: 'critical'): Buffer {
  const flag = critical ? [element(tag.boolean, Buffer.from([0xff]))] : [];
  return sequence(objectIdentifier(identifier), ...flag, element(tag.octetString, value));
}

function generalName(name: string): Buffer {
  const family = isIP(name);
  if (family === 0) return element(contextTag(2, 'primitive'), Buffer.from(name, 'latin1'));
  return element(contextTag(7, 'primitive'), family === 4 ? ipv4Octets(name) : ipv6Octets(name));
}

function ipv4Octets(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function ipv6Octets(address: string): Buffer {
  // The URL parser writes every form the same way: lower case, no embedded IPv4, one "::" at most.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = Array<number>(8 - front.length - back.length).fill(0);
  return Buffer.from([...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 0xff]));
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(
    objectIdentifier(oid.commonName),
    element(tag.utf8String, Buffer.from(commonName)),
  );
  return sequence(element(tag.set, attribute));
}

function publicKeyInfo(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' });
}

/** RFC 5280 4.2.1.2, method 1: SHA-1 of the public key's bits, without its algorithm. */
function keyIdentifier(key: KeyObject): Buffer {
  const [info] = elements(publicKeyInfo(key));
  const bits = elements(info?.content ?? Buffer.alloc(0)).find((part) => part.tag === tag.bitString);
  // The first byte of a BIT STRING counts unused bits.
  return createHash('sha1')
    .update(bits?.content.subarray(1) ?? '')
    .digest();
}

/** 127 random bits: positive, and never a leading zero octet. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function extensionIdentifiers(der: Buffer): Buffer[] {
  const [certificate] = elements(der);
  const [toBeSigned] = elements(certificate?.content ?? Buffer.alloc(0));
  const wrapped = elements(toBeSigned?.content ?? Buffer.alloc(0)).find(
    (part) => part.tag === contextTag(3, 'constructed'),
  );
  const [list] = elements(wrapped?.content ?? Buffer.alloc(0));
  return elements(list?.content ?? Buffer.alloc(0)).map(
    (one) => elements(one.content)[0]?.content ?? Buffer.alloc(0),
  );
}
