// The library below injects its parts by decorators, which need this to be there first.
import 'reflect-metadata';
import type { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** Whether a certificate says that its key is for signing others (keyUsage), beside being able to (CA:TRUE). */
export function signsOthers(certificate: X509Certificate): boolean {
  const usage = new x509.X509Certificate(certificate.raw).getExtension(x509.KeyUsagesExtension);
  return certificate.ca && usage !== null && (usage.usages & x509.KeyUsageFlags.keyCertSign) !== 0;
}
