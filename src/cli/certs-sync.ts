import { writeFile } from 'node:fs/promises';
import { findingLine } from '../certs/finding.ts';
import type { Finding } from '../certs/finding.ts';
import type { Owner } from '../certs/installed-copy.ts';
import { syncCertificates } from '../certs/sync-certificates.ts';
import type { SyncOptions, SyncResult } from '../certs/sync-certificates.ts';
import { watchCertificates } from '../certs/watch-certificates.ts';
import { scopesText } from '../core/push-permissions.ts';
import { fail, folderOption, messageOf } from './certs-options.ts';
import { Command, InvalidArgumentError } from './commander.ts';
import { exitCodes } from './exit-codes.ts';

/** uid and gid of nginx in the official images. */
const nginxOwner: Owner = { uid: 101, gid: 101 };

/** `weir certs sync`. */
export function syncCommand(): Command {
  return new Command('sync')
    .description(
      'check the folder and write the copy that nginx reads; exit 3 when something had to be left out',
    )
    .addOption(folderOption())
    .requiredOption('--out <folder>', 'where the copy goes')
    .option('--public <file>', 'what the server may know of it goes there, for CERTIFICATES_FILE; no secrets')
    .option('--owner <uid:gid>', 'who gets the copy, when run by root', parseOwner, nginxOwner)
    .option('--watch', 'stay, and do it again whenever the contents of the folder change', false)
    .option('--interval <seconds>', 'how often --watch looks', parseSeconds, 1)
    .option('--ready-file <path>', 'with --watch: write this file once nginx can start')
    .option('--json', 'print one line of JSON per round', false)
    .action(runSync);
}

interface SyncFlags {
  dir: string;
  out: string;
  public?: string;
  owner: Owner;
  watch: boolean;
  interval: number;
  readyFile?: string;
  json: boolean;
}

async function runSync(flags: SyncFlags): Promise<void> {
  const options: SyncOptions = {
    folder: flags.dir,
    out: flags.out,
    publicFile: flags.public,
    ...(process.getuid?.() === 0 ? { owner: flags.owner } : {}),
  };
  if (flags.watch) return await runWatch(flags, options);
  try {
    const result = await syncCertificates(options);
    report(result, flags.json);
    process.exitCode = codeOf(result);
  } catch (error) {
    fail(error);
  }
}

async function runWatch(flags: SyncFlags, options: SyncOptions): Promise<void> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
  await watchCertificates({
    ...options,
    intervalMs: flags.interval * 1000,
    signal: ending.signal,
    onRound: async (result) => {
      report(result, flags.json);
      if (result.ready && flags.readyFile !== undefined) await writeFile(flags.readyFile, '');
    },
    onFailure: (error) => console.error(`error: ${messageOf(error)}; trying again`),
  });
}

function report(result: SyncResult, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(jsonForm(result)));
    return;
  }
  for (const finding of result.findings) console.error(findingLine(finding));
  const count = result.certificates.length;
  const who = count === 1 ? '1 certificate may push' : `${count} certificates may push`;
  console.log(result.ready ? `${result.changed ? 'updated' : 'unchanged'}: ${who}` : 'not ready');
}

function jsonForm({ ready, changed, certificates, findings }: SyncResult) {
  return {
    time: new Date().toISOString(),
    ready,
    changed,
    authorized: certificates.map(({ name, subject, sha1, sha256, expires, scopes, file, line }) => ({
      name,
      subject,
      sha256,
      sha1,
      expires: expires.toISOString(),
      mayPush: scopesText(scopes),
      file,
      line,
    })),
    findings,
  };
}

function codeOf({ ready, findings }: SyncResult): number {
  if (!ready) return exitCodes.failure;
  const isError = ({ severity }: Finding) => severity === 'error';
  return findings.some(isError) ? exitCodes.warning : exitCodes.success;
}

function parseOwner(value: string): Owner {
  const match = /^(\d+):(\d+)$/.exec(value);
  if (!match) throw new InvalidArgumentError('two numbers are needed, as in 101:101.');
  return { uid: Number(match[1]), gid: Number(match[2]) };
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (!(seconds > 0 && seconds <= 3600)) {
    throw new InvalidArgumentError('a number of seconds above 0 is needed, up to 3600.');
  }
  return seconds;
}
