import type { X509Certificate } from 'node:crypto';
import { basename } from 'node:path';

/** What a name of our own may look like: it becomes a file's name, and a word in lists. */
export const certificateNamePattern = /^[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}$/;

const mostNameLength = 64;
const shownFingerprintDigits = 12;

/**
 * What a certificate is called in lists, permissions and metrics, as one word: the name of its own file in authorized/,
 * or the common name of its subject, or else the start of its fingerprint.
 */
export function certificateName(certificate: X509Certificate, file?: string): string {
  if (file !== undefined && /^authori(zed|ties)\//.test(file))
    return oneWord(basename(file).replace(/\.[^.]*$/, ''));
  const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return oneWord(commonName ?? '') || sha256Of(certificate).slice(0, shownFingerprintDigits);
}

/** SHA-256 of the certificate, lower-case hex without colons. */
export function sha256Of(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** A serial number as all lists have it here: lower-case hex without leading zeros. */
export function plainSerial(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^0+(?=.)/, '');
}

function oneWord(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._@+-]+/gu, '_')
    .slice(0, mostNameLength);
}
