import { Command, InvalidArgumentError, Option } from 'commander';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { findingLine } from '../certs/finding.ts';
import type { Finding } from '../certs/finding.ts';
import { initCertificates } from '../certs/init-certificates.ts';
import type { Owner } from '../certs/installed-copy.ts';
import { syncCertificates } from '../certs/sync-certificates.ts';
import type { SyncOptions, SyncResult } from '../certs/sync-certificates.ts';
import { watchCertificates } from '../certs/watch-certificates.ts';
import { exitCodes } from './exit-codes.ts';

/** The copy was written, without what had to be left out. */
const exitCodePartlyDone = 3;

/** Names that hold for any machine, and those of the services in docker-compose.yml. */
const everyServersNames = ['localhost', 'weir', 'nginx', '127.0.0.1', '::1'];

/** uid and gid of nginx in the official images. */
const nginxOwner: Owner = { uid: 101, gid: 101 };

/** `weir certs init` and `weir certs sync`. */
export function certsCommand(): Command {
  const certs = new Command('certs').description(
    'make certificates, and keep the copy that nginx reads current',
  );
  certs
    .command('init')
    .description(
      'make what is missing in the folder: a server pair, a first client pair and the list of who may push',
    )
    .option('--dir <folder>', 'the certificates’ folder', 'certs')
    .addOption(
      new Option(
        '--name <host...>',
        'further host names and addresses of the server, the one its users know first',
      )
        .argParser(collectNames)
        .env('WEIR_NAMES'),
    )
    .action(runInit);
  certs
    .command('sync')
    .description(
      'check the folder and write the copy that nginx reads; exit 3 when something had to be left out',
    )
    .option('--dir <folder>', 'the certificates’ folder', 'certs')
    .requiredOption('--out <folder>', 'where the copy goes')
    .option('--owner <uid:gid>', 'who gets the copy, when run by root', parseOwner, nginxOwner)
    .option('--watch', 'stay, and do it again whenever the contents of the folder change', false)
    .option('--interval <seconds>', 'how often --watch looks', parseSeconds, 1)
    .option('--ready-file <path>', 'with --watch: write this file once nginx can start')
    .option('--json', 'print one line of JSON per round', false)
    .action(runSync);
  return certs;
}

async function runInit(options: { dir: string; name?: string[] }): Promise<void> {
  const names = [...new Set([...(options.name ?? []), hostname(), ...everyServersNames])];
  try {
    const made = await initCertificates({ folder: options.dir, names });
    for (const file of made) console.log(`made ${file}`);
    if (made.includes('server.crt')) console.log(`server.crt is for ${names.join(', ')}`);
    if (made.length === 0) console.log(`nothing to do: ${resolve(options.dir)} has all it needs`);
  } catch (error) {
    fail(error);
  }
}

interface SyncFlags {
  dir: string;
  out: string;
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
    authorized: certificates.map(({ subject, sha1, sha256, expires, file, line }) => ({
      subject,
      sha256,
      sha1,
      expires: expires.toISOString(),
      file,
      line,
    })),
    findings,
  };
}

function codeOf({ ready, findings }: SyncResult): number {
  if (!ready) return exitCodes.failure;
  const isError = ({ severity }: Finding) => severity === 'error';
  return findings.some(isError) ? exitCodePartlyDone : exitCodes.success;
}

function fail(error: unknown): void {
  console.error(`error: ${messageOf(error)}`);
  process.exitCode = exitCodes.failure;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Names may also come in one word, with commas or spaces, as they do from the environment. */
function collectNames(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...value.split(/[\s,]+/).filter((name) => name !== '')];
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
