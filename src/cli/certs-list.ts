import { expiryList, type ListedThing } from '../certs/expiry-list.ts';
import { findingLine } from '../certs/finding.ts';
import type { Finding } from '../certs/finding.ts';
import { soonMs } from '../core/expires-soon.ts';
import { scopesText } from '../core/push-permissions.ts';
import { fail, folderOption } from './certs-options.ts';
import { Command, InvalidArgumentError } from './commander.ts';
import { exitCodes } from './exit-codes.ts';

const shownDigits = 16;
const dayMs = 86_400_000;

interface ListFlags {
  dir: string;
  warnDays: number;
  json: boolean;
}

/** `weir certs list`. */
export function listCommand(): Command {
  return new Command('list')
    .description(
      'who may push, and until when; exit 3 when something expires soon, is left out or does not work',
    )
    .addOption(folderOption())
    .option(
      '--warn-days <days>',
      'what expires within so many days counts as soon; of a CRL, two at most',
      parseDays,
      30,
    )
    .option('--json', 'print one JSON object', false)
    .action(list);
}

async function list({ dir, warnDays, json }: ListFlags): Promise<void> {
  try {
    const { things, findings } = await expiryList(dir, new Date());
    console.log(json ? JSON.stringify(jsonForm(things, findings)) : text(things, findings, warnDays));
    const isSoon = things.some((thing) => endsSoon(thing, warnDays));
    process.exitCode = isSoon || findings.length > 0 ? exitCodes.warning : exitCodes.success;
  } catch (error) {
    fail(error);
  }
}

function text(things: readonly ListedThing[], findings: readonly Finding[], warnDays: number): string {
  const clients = things.filter(({ kind }) => kind === 'client');
  const others = things.filter(({ kind }) => kind !== 'client');
  const lines = [
    clients.length === 0 ? 'Nobody on the list may push.' : 'May push:',
    ...table(
      ['name', 'SHA-256', 'expires', 'days', 'may push'],
      clients.map((thing) => cells(thing, warnDays, scopesText(thing.scopes))),
    ),
    ...(others.some(({ kind }) => kind === 'authority')
      ? ['', 'And whoever these authorities have signed and not revoked.']
      : []),
    '',
    'Expires too:',
    ...table(
      ['name', 'SHA-256', 'expires', 'days', 'what'],
      others.map((thing) => cells(thing, warnDays, `${whatIs[thing.kind]} (${thing.file})`)),
    ),
    ...(findings.length === 0 ? [] : ['', 'Left out, or not as it should be:', ...findings.map(findingLine)]),
  ];
  return lines.join('\n');
}

function endsSoon({ kind, daysLeft }: ListedThing, warnDays: number): boolean {
  return daysLeft * dayMs < soonMs(kind, warnDays);
}

const whatIs = {
  server: 'the server',
  client: 'a client',
  authority: 'an authority',
  crl: 'its list of revoked certificates',
} as const;

function cells(thing: ListedThing, warnDays: number, last: string): string[] {
  const { name, sha256, expires, daysLeft } = thing;
  const days = daysLeft < 0 ? 'EXPIRED' : `${daysLeft}${endsSoon(thing, warnDays) ? ' !' : ''}`;
  return [name, sha256.slice(0, shownDigits), expires.toISOString().slice(0, 10), days, last];
}

function table(head: string[], rows: readonly string[][]): string[] {
  if (rows.length === 0) return [];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}

function jsonForm(things: readonly ListedThing[], findings: readonly Finding[]) {
  const forms = things.map(({ scopes, kind, expires, ...thing }) => ({
    kind,
    ...thing,
    expires: expires.toISOString(),
    ...(kind === 'client' && { mayPush: scopesText(scopes) }),
  }));
  return {
    clients: forms.filter(({ kind }) => kind === 'client'),
    others: forms.filter(({ kind }) => kind !== 'client'),
    findings,
  };
}

function parseDays(value: string): number {
  const days = Number(value);
  if (!(value.trim() !== '' && days >= 0 && days <= 36_500))
    throw new InvalidArgumentError('a number of days is needed, from 0 to 36500.');
  return days;
}
