import { X509Certificate } from 'node:crypto';
import type { Authority } from './authorities.ts';
import type { AuthorizedCertificate } from './authorized-list.ts';
import { hasKeyIdentifiers } from './key-identifiers.ts';
import { pemBlocks } from './pem-blocks.ts';

/** What certificates are compared with before one more is put on the list. */
export interface PresentList {
  certificates: readonly AuthorizedCertificate[];
  authorities: readonly Authority[];
}

/** Uses of a key that its certificate may be limited to, one of which a client needs. */
const clientUses = new Set(['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']);
const leastRsaBits = 2048;

/** The one certificate of a text, or a sentence about why it cannot be put on the list. */
export function certificateToList(text: string): X509Certificate | string {
  const blocks = pemBlocks(text);
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY')))
    return 'holds a private key, which only its owner should have: send the certificate alone, and make a new pair if others could read this one';
  const [block, ...more] = blocks;
  if (block === undefined)
    return 'holds no PEM certificate: a text is needed that begins with -----BEGIN CERTIFICATE-----';
  if (block.label !== 'CERTIFICATE')
    return `holds a ${block.label} and no CERTIFICATE; the certificate is what openssl req -x509 writes to -out`;
  if (block.der === undefined) return `is broken: the certificate ${block.fault}; copy it again, as a whole`;
  if (more.length > 0)
    return `holds ${blocks.length} blocks, and one certificate is put on the list at a time; give each a file`;
  try {
    return new X509Certificate(block.der);
  } catch {
    return 'is broken: the certificate cannot be parsed; copy it again, as a whole';
  }
}

/** Why nginx would refuse its holder all the same, as the rest of a sentence about the certificate; undefined if it would not. */
export async function whyRefused(
  certificate: X509Certificate,
  { certificates, authorities }: PresentList,
  now: Date,
): Promise<string | undefined> {
  const expires = new Date(certificate.validTo);
  if (expires < now) return `expired on ${day(expires)}: its holder has to make a new pair`;
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const bits = asymmetricKeyDetails?.modulusLength;
  if (asymmetricKeyType === 'rsa' && bits !== undefined && bits < leastRsaBits)
    return `has an RSA key of ${bits} bits, which is too weak: ${leastRsaBits} are needed, or an EC key`;
  // What Node calls the usage is the extended one.
  const uses = certificate.keyUsage as string[] | undefined;
  if (uses !== undefined && !uses.some((use) => clientUses.has(use)))
    return 'is for another purpose than being a client (extendedKeyUsage): is it the certificate of a server?';
  if (await isAuthority(certificate))
    return 'is the certificate of an authority (CA:TRUE, keyCertSign): as authorities/NAME.crt it lets in everybody it signs; on the list it would let in itself alone';
  if (authorities.some((authority) => authority.certificate.subject === certificate.subject))
    return 'has the subject of an authority in authorities/: make it again with another';
  const namesake = certificates.find((other) => other.certificate.subject === certificate.subject);
  if (namesake !== undefined && !hasKeyIdentifiers(certificate))
    return (
      `has the subject of the one at ${namesake.file}:${namesake.line} and no key identifiers to tell them apart, so nginx ` +
      'would try the other only: make it again with another subject, or with certs/new-client, which adds identifiers'
    );
  return issuerIsMissing(certificate, { certificates, authorities })
    ? `is signed by ${certificate.issuer.replaceAll('\n', ',')}, whose certificate is not here: put that into authorities/`
    : undefined;
}

function issuerIsMissing(certificate: X509Certificate, { certificates, authorities }: PresentList): boolean {
  if (certificate.issuer === certificate.subject) return false;
  return ![...certificates, ...authorities].some((known) => known.certificate.subject === certificate.issuer);
}

/** Those of users say CA:TRUE as well when openssl makes them by its defaults, but not that they sign others. */
async function isAuthority(certificate: X509Certificate): Promise<boolean> {
  if (!certificate.ca) return false;
  // A library that only those have to load who judge such certificates.
  const { signsOthers } = await import('./signs-others.ts');
  return signsOthers(certificate);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
