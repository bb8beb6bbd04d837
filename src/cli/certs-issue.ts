import { authorizeCertificate } from '../certs/authorize-certificate.ts';
import { tenYearsDays } from '../certs/init-certificates.ts';
import { issueCertificate } from '../certs/issue-certificate.ts';
import { certificateNamePattern } from '../core/certificate-name.ts';
import { fail, folderOption } from './certs-options.ts';
import { Command, InvalidArgumentError } from './commander.ts';

/** Files of these names mean something else in the certificates' folder. */
const takenNames = new Set(['server', 'authorized']);
const mostDays = 36_500;

interface IssueFlags {
  dir: string;
  out?: string;
  days: number;
  authorize: boolean;
  json: boolean;
}

/** `weir certs issue`. */
export function issueCommand(): Command {
  return new Command('issue')
    .description('make a pair for somebody who is to push, NAME.key and NAME.crt; overwrites nothing')
    .argument('<name>', 'of the user: letters, digits and . _ @ -', parseName)
    .addOption(folderOption())
    .option('--out <folder>', 'where the two files go, instead of the certificates’ folder')
    .option('--days <days>', 'how long it is good for', parseDays, tenYearsDays)
    .option('--authorize', 'put the certificate on the list too, as authorized/NAME.crt', false)
    .option('--json', 'print one line of JSON', false)
    .action(issue);
}

async function issue(name: string, { dir, out, days, authorize, json }: IssueFlags): Promise<void> {
  try {
    const pair = await issueCertificate({ folder: out ?? dir, name, days });
    const { keyFile, certificateFile, certificatePem } = pair;
    const listed = authorize
      ? await authorizeCertificate({ folder: dir, source: certificateFile, text: certificatePem, name })
      : undefined;
    if (json) {
      console.log(JSON.stringify({ name, keyFile, certificateFile, authorized: listed?.file ?? null }));
      return;
    }
    console.log(`made ${keyFile} (secret: it goes to ${name} alone) and ${certificateFile}`);
    console.log(
      listed === undefined
        ? `To let it push: weir certs authorize ${certificateFile}`
        : `${name} may push within seconds (${listed.file})`,
    );
  } catch (error) {
    fail(error);
  }
}

/** For commander: a name that may be a file's. */
export function parseName(value: string): string {
  if (!certificateNamePattern.test(value))
    throw new InvalidArgumentError(
      '1 to 64 of letters, digits, . _ @ - are needed, and no . or - at the start.',
    );
  if (takenNames.has(value))
    throw new InvalidArgumentError(`${value}.crt has another meaning in this folder: choose another name.`);
  return value;
}

function parseDays(value: string): number {
  const days = Number(value);
  if (!(Number.isInteger(days) && days >= 1 && days <= mostDays))
    throw new InvalidArgumentError(`a whole number of days is needed, from 1 to ${mostDays}.`);
  return days;
}
