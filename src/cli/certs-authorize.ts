import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Authorized, authorizeCertificate } from '../certs/authorize-certificate.ts';
import { fail, folderOption } from './certs-options.ts';
import { parseName } from './certs-issue.ts';
import { Command } from './commander.ts';

interface AuthorizeFlags {
  dir: string;
  name?: string;
  append: boolean;
  json: boolean;
}

/** `weir certs authorize`. */
export function authorizeCommand(): Command {
  return new Command('authorize')
    .description('check a certificate and put it on the list of those who may push, as authorized/NAME.crt')
    .argument('<file>', 'the certificate, PEM; - reads it from standard input')
    .addOption(folderOption())
    .option('--name <name>', 'what to call it, instead of the common name of its subject', parseName)
    .option('--append', 'append it to authorized.crt instead', false)
    .option('--json', 'print one line of JSON', false)
    .action(authorize);
}

async function authorize(file: string, { dir, name, append, json }: AuthorizeFlags): Promise<void> {
  try {
    const source = file === '-' ? 'standard input' : file;
    const given = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    const done = await authorizeCertificate({ folder: dir, source, text: given, name, append });
    console.log(json ? JSON.stringify(jsonForm(done)) : sentences(done, new Date()));
  } catch (error) {
    fail(error);
  }
}

function sentences({ certificate, name, sha256, expires, file, added }: Authorized, now: Date): string {
  if (!added) return `${name} (SHA-256 ${sha256}) is on the list already, in ${file}: nothing to do`;
  const starts = new Date(certificate.validFrom);
  const lines = [
    `${name} may push within seconds (${file})`,
    `SHA-256 ${sha256}, good until ${expires.toISOString().slice(0, 10)}`,
  ];
  if (starts > now) lines.push(`It is not valid yet: it is refused until ${starts.toISOString()}`);
  return lines.join('\n');
}

function jsonForm({ name, sha256, expires, file, added }: Authorized) {
  return { name, sha256, expires: expires.toISOString(), file, added };
}
