// The library below injects its parts by decorators, which need this to be there first.
import 'reflect-metadata';
import type { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { plainSerial } from '../core/certificate-name.ts';
import { pemBlocks } from './pem-blocks.ts';

/** A file of authorities/ that ends in .crl, PEM or DER. */
export interface RevocationFile {
  name: string;
  bytes: Buffer;
}

/** What an authority has taken back. */
export interface RevocationList {
  file: string;
  /** Serial numbers in lower-case hex without leading zeros. */
  revoked: string[];
  issued: Date;
  /** When the authority will have issued the next one; undefined where the list does not say. */
  expires: Date | undefined;
  /** Whether this authority's key has signed it. */
  isOf(authority: X509Certificate): Promise<boolean>;
}

const mostBytes = 8 * 1024 * 1024;
/** All of them are in the server's memory, and in a file that it reads every second. */
const mostRevoked = 100_000;
/** What openssl calls it, and what some others do. */
const pemLabels = new Set(['X509 CRL', 'CRL']);
/** Critical extensions that change nothing about what the list means: its number, and its signer's key. */
const understood = new Set(['2.5.29.20', '2.5.29.35']);

/** The list in a file, or why it cannot be used, as the rest of a sentence about the file. */
export function revocationList({ name, bytes }: RevocationFile): RevocationList | string {
  if (bytes.length > mostBytes) return `has ${bytes.length} bytes, more than the ${mostBytes} that are taken`;
  const der = derOf(bytes);
  if (typeof der === 'string') return der;
  let crl: x509.X509Crl;
  try {
    crl = new x509.X509Crl(der);
    const strange = crl.extensions.find(({ critical, type }) => critical && !understood.has(type));
    if (strange !== undefined)
      return `is of a kind that is not understood (critical extension ${strange.type}): only whole lists are, no deltas or parts`;
    const { entries } = crl;
    if (entries.length > mostRevoked)
      return `has ${entries.length} certificates, more than the ${mostRevoked} that are taken`;
    return {
      file: name,
      revoked: entries.map(({ serialNumber }) => plainSerial(serialNumber)),
      issued: crl.thisUpdate,
      expires: crl.nextUpdate,
      isOf: async (authority) => await isSignedBy(crl, authority),
    };
  } catch {
    return 'cannot be parsed';
  }
}

function derOf(bytes: Buffer): Buffer | string {
  const text = bytes.toString('latin1');
  if (!text.includes('-----')) return bytes.length === 0 ? 'is empty' : bytes;
  const block = pemBlocks(text).find(({ label }) => pemLabels.has(label));
  if (block === undefined) return 'holds no X509 CRL';
  return block.der ?? `${block.fault}`;
}

async function isSignedBy(crl: x509.X509Crl, authority: X509Certificate): Promise<boolean> {
  try {
    const certificate = new x509.X509Certificate(authority.raw);
    if (crl.issuer !== certificate.subject) return false;
    return await crl.verify({ publicKey: certificate.publicKey });
  } catch {
    return false;
  }
}
