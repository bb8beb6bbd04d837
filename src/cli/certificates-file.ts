import { type CertificateJudge, certificateJudge } from '../core/certificate-judge.ts';
import type { Logger } from '../core/observer.ts';
import { parsePublicCertificates, type PublicCertificate } from '../core/public-certificates.ts';
import { watchFile } from './watched-file.ts';

/** Room for a hundred thousand revoked certificates, and thousands of listed ones. */
const mostBytes = 32 * 1024 * 1024;

/** What a file says of certificates, kept current. */
export interface CertificatesFile {
  judge(): CertificateJudge | 'unknown';
  /** All that expires; none before the file was read. */
  certificates(): readonly PublicCertificate[];
}

/**
 * Reads what `weir certs sync --public` writes, and again when it changes. A file that cannot be used changes nothing,
 * and is logged; as long as none could be, nobody pushes by a certificate.
 */
export async function watchCertificatesFile(path: string, logger: Logger): Promise<CertificatesFile> {
  let judge: CertificateJudge | 'unknown' = 'unknown';
  let certificates: readonly PublicCertificate[] = [];
  await watchFile({ path, mostBytes, replacedAtOnce: true }, ({ text, failure }) => {
    try {
      if (failure !== undefined) throw new Error(`cannot be read: ${failure}`);
      const content = parsePublicCertificates(text);
      judge = certificateJudge(content, Date.now);
      ({ certificates } = content);
      const count = (kind: PublicCertificate['kind']) =>
        content.certificates.filter((entry) => entry.kind === kind).length;
      logger.info('took over what may be known of certificates', {
        path,
        clients: count('client'),
        authorities: count('authority'),
        permissions: content.rules.length,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Before the first `certs sync` it is not there.
      if (judge === 'unknown')
        logger.warn('the file of certificates cannot be used: until it can be, nobody pushes by one', {
          path,
          reason,
        });
      else logger.error('the file of certificates cannot be used: what was known stays', { path, reason });
    }
  });
  return { judge: () => judge, certificates: () => certificates };
}
