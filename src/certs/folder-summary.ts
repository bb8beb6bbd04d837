import { authoritiesOf } from './authorities.ts';
import type { Authority } from './authorities.ts';
import { authorizedList } from './authorized-list.ts';
import type { AuthorizedCertificate } from './authorized-list.ts';
import { permissionsFileName } from './certificate-folder.ts';
import type { FolderContents } from './certificate-folder.ts';
import type { Finding } from './finding.ts';
import { plainSerial } from '../core/certificate-name.ts';
import { isAbout, parsePermissions, scopesFor } from '../core/push-permissions.ts';
import type { PermissionRule, PushScopes } from '../core/push-permissions.ts';

/** One who may push, and what. */
export interface Pusher extends AuthorizedCertificate {
  scopes: PushScopes;
}

/** What a folder says about who may push. */
export interface FolderSummary {
  certificates: Pusher[];
  authorities: Authority[];
  rules: PermissionRule[];
  findings: Finding[];
}

/** Judges all of a folder but the server's pair. What cannot be used is left out, and among the findings. */
export async function folderSummary(contents: FolderContents, now: Date): Promise<FolderSummary> {
  const { authorities, findings } = await authoritiesOf(contents.authorities, contents.revocations, now);
  const list = authorizedList(
    contents.lists,
    now,
    authorities.map(({ certificate }) => certificate),
  );
  const permissions = parsePermissions(contents.permissions ?? '');
  const { rules } = permissions;
  findings.push(...list.findings);
  const { kept, taken } = withoutRevoked(list.certificates, authorities);
  findings.push(...taken);
  for (const { line, problem } of permissions.findings)
    findings.push({ severity: 'error', file: permissionsFileName, line, message: problem });
  findings.push(...whoFindings(rules, kept, authorities.length > 0));
  const certificates = kept.map((entry) => Object.assign(entry, { scopes: scopesFor(rules, entry) }));
  return { certificates, authorities, rules, findings };
}

/** What an authority has taken back is taken back, on the list or not. */
function withoutRevoked(certificates: readonly AuthorizedCertificate[], authorities: readonly Authority[]) {
  const kept: AuthorizedCertificate[] = [];
  const taken: Finding[] = [];
  for (const entry of certificates) {
    const { certificate, subject, file, line } = entry;
    const by = authorities.find(
      (authority) =>
        authority.revocations?.revoked.includes(plainSerial(certificate.serialNumber)) === true &&
        certificate.checkIssued(authority.certificate) &&
        certificate.verify(authority.certificate.publicKey),
    );
    if (by === undefined) kept.push(entry);
    else
      taken.push({
        severity: 'error',
        file,
        line,
        message: `left out: ${subject} was revoked by its authority (${by.revocations?.file})`,
      });
  }
  return { kept, taken };
}

/** Lines about nobody, which may be misspelt, and those about several. */
function whoFindings(
  rules: readonly PermissionRule[],
  certificates: readonly AuthorizedCertificate[],
  hasAuthorities: boolean,
): Finding[] {
  return rules.flatMap(({ who, line }) => {
    if (who === '*') return [];
    const meant = certificates.filter((entry) => isAbout(who, entry)).length;
    const warning = (message: string): Finding[] => [
      { severity: 'warning', file: permissionsFileName, line, message },
    ];
    // Whom an authority signs for nobody here knows.
    if (meant === 0 && !hasAuthorities)
      return warning(`is about nobody: no certificate on the list is called ${JSON.stringify(who)}`);
    if (meant < 2) return [];
    return warning(
      `is about ${meant} certificates, which are all called ${JSON.stringify(who)}; write a fingerprint to mean one`,
    );
  });
}
