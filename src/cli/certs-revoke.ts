import { readCertificateFolder } from '../certs/certificate-folder.ts';
import { NotRevokedError, revokeCertificate } from '../certs/revoke-certificate.ts';
import { fail, folderOption } from './certs-options.ts';
import { Command } from './commander.ts';

/** `weir certs revoke`. */
export function revokeCommand(): Command {
  return new Command('revoke')
    .description('take a certificate off the list, wherever it stands there; a copy is kept in revoked/')
    .argument('<who>', 'name or SHA-256 fingerprint, or its first 8 digits or more, as in `weir certs list`')
    .addOption(folderOption())
    .option('--json', 'print one line of JSON', false)
    .action(revoke);
}

async function revoke(who: string, { dir, json }: { dir: string; json: boolean }): Promise<void> {
  try {
    const done = await revokeCertificate(dir, who);
    const { name, subject, sha256, places, copy } = done;
    if (json) {
      console.log(JSON.stringify(done));
      return;
    }
    console.log(
      [
        `${name} (${subject}, SHA-256 ${sha256}) is off the list; it stood at ${places.join(' and ')}`,
        `Within seconds its next call is refused; calls under way end by themselves. A copy is in ${copy}`,
      ].join('\n'),
    );
  } catch (error) {
    fail(error);
    if (error instanceof NotRevokedError) await adviseOnAuthorities(dir);
  }
}

/** Whom an authority has signed is on no list here. */
async function adviseOnAuthorities(dir: string): Promise<void> {
  const { authorities } = await readCertificateFolder(dir);
  if (authorities.length === 0) return;
  console.error(
    'Certificates that an authority has signed are on no list: it revokes them (authorities/*.crl). ' +
      'To stop one at once, add the line "<name or SHA-256> pull" to the file permissions.',
  );
}
