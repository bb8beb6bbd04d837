import type { X509Certificate } from 'node:crypto';

/** Object identifiers of the two extensions (2.5.29.14 and 2.5.29.35), as DER has them. */
const subjectKeyIdentifier = Buffer.from('0603551d0e', 'hex');
const authorityKeyIdentifier = Buffer.from('0603551d23', 'hex');

/** Whether a certificate says which key it is for and which key signed it. */
export function hasKeyIdentifiers({ raw }: X509Certificate): boolean {
  return raw.includes(subjectKeyIdentifier) && raw.includes(authorityKeyIdentifier);
}
