import { digestText } from '../core/digest.ts';
import { recordText } from '../inventory/named-record.ts';
import { partsOf, type RecordParts } from '../inventory/record-parts.ts';
import type { ListedRecord } from '../inventory/record-list.ts';
import { type TreeEntry, type TreeView, viewTree } from '../inventory/tree-view.ts';
import { Command, InvalidArgumentError } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { bytesText, countOf, printable, spanText } from './figures.ts';
import { findOrTell, namedBy, type RefOptions, refSyntax, withRefOptions } from './ref-options.ts';
import { onVolume, type VolumeWork, withVolume } from './volume-command.ts';

interface ShowOptions extends RefOptions {
  readonly volume: string;
  readonly depth?: number;
  readonly path: string;
  readonly json: boolean;
}

/** `weir show`: what a reference leads to, as a tree. */
export function showCommand(): Command {
  return withRefOptions(
    withVolume(
      new Command('show')
        .description(
          'show what a reference leads to, with sizes and what is missing (exit code 1), or that it is whole (0)',
        )
        .argument('<ref>', refSyntax),
    ),
  )
    .option('--depth <levels>', 'how many levels of folders to print; 0 for the summary alone', levels)
    .option('--path <path>', 'only what is in this folder, or this file', '')
    .option('--json', 'print one JSON object', false)
    .action(show);
}

async function show(ref: string, options: ShowOptions): Promise<void> {
  await onVolume(options.volume, async (work) => {
    const record = await findOrTell(work, namedBy(ref, options));
    if (record === undefined) return exitCodes.notFound;
    const contents = await partsOf(work.layout, record);
    const { line, signal } = work;
    let seen = 0;
    const view = await viewTree(work.layout, contents.parts, signal, () => {
      seen++;
      line.show(() => countOf(seen, 'blob'));
    });
    const path = options.path.replaceAll(/^\/+|\/+$/g, '');
    const entries = await view.entries(path, { depth: options.depth, signal });
    if (entries === undefined) {
      process.stderr.write(
        `weir: nothing is at ${printable(path)} in ${printable(recordText(record.name ?? namedBy(ref, options)))}\n`,
      );
      return exitCodes.notFound;
    }
    const shown = options.depth === 0 ? none() : entries;
    const isWhole = contents.state === 'readable' && view.summary.missing === 0;
    if (options.json) await printJson(work, record, contents, view, shown);
    else await printText(work, record, contents, view, shown);
    return isWhole ? exitCodes.success : exitCodes.failure;
  });
}

async function printText(
  { print }: VolumeWork,
  { name, usedAtMs }: ListedRecord,
  { state, parts }: RecordParts,
  { summary, totals, missing }: TreeView,
  entries: AsyncIterable<TreeEntry>,
): Promise<void> {
  const [root] = parts;
  const isTree = parts.length === 1 && root !== undefined;
  const { files, folders, bytes } = totals;
  const lines = [
    printable(name === undefined ? '' : recordText(name)),
    ...(isTree ? [`  ${root.type === 'directory' ? 'root' : root.type}: ${digestText(root.digest)}`] : []),
    `  last used: ${spanText(Date.now() - usedAtMs)} ago, ${new Date(usedAtMs).toISOString()}`,
    `  contents: ${countOf(files, 'file')} in ${countOf(folders, 'folder')}, ${bytesText(bytes)}`,
    `  stored: ${countOf(summary.blobs, 'blob')}, ${bytesText(summary.bytes)} (${bytesText(summary.diskBytes)} on disk)`,
    `  ${verdict(state, summary.missing)}`,
  ];
  await print(`${lines.join('\n')}\n`);
  for await (const entry of entries) await print(`${entryText(entry)}\n`);
  for (const { path, digest, state: why } of missing.slice(0, missingShown))
    await print(
      `missing: ${digestText(digest)} ${why === 'missing' ? '' : `(${why}) `}at ${printable(path) || '/'}\n`,
    );
  if (summary.missing > missingShown)
    await print(
      `… and ${countOf(summary.missing - missingShown, 'blob')} more; weir why-missing lists them\n`,
    );
}

const missingShown = 20;

function verdict(state: RecordParts['state'], missing: number): string {
  if (state === 'unreadable') return 'it cannot be read: weir fsck --repair removes it, a push replaces it';
  if (state === 'absent') return 'it went while it was looked at';
  if (state === 'expired') return 'it has expired: nobody gets it any more';
  return missing === 0
    ? 'whole'
    : `not whole: ${countOf(missing, 'blob')} missing, so it is no answer to anybody`;
}

function entryText(entry: TreeEntry): string {
  const { type, isExecutable, sizeBytes, path, target, state, totals } = entry;
  const size = type === 'symlink' ? '' : bytesText(sizeBytes);
  const mark = { file: isExecutable ? 'x' : '-', directory: 'd', symlink: 'l' }[type];
  const suffix = type === 'symlink' ? ` -> ${printable(target ?? '')}` : type === 'directory' ? '/' : '';
  const below =
    totals !== undefined && totals.missing > 0 && state === 'present'
      ? `  ${totals.missing} missing below`
      : '';
  return `${mark} ${size.padStart(9)}  ${printable(path)}${suffix}${state === 'present' ? below : `  ${state}`}`;
}

async function printJson(
  { print }: VolumeWork,
  { name, usedAtMs }: ListedRecord,
  { state, parts }: RecordParts,
  { summary, totals, missing }: TreeView,
  entries: AsyncIterable<TreeEntry>,
): Promise<void> {
  const head = {
    ref: name && recordText(name),
    ...name,
    usedAt: new Date(usedAtMs).toISOString(),
    state:
      state === 'readable' && summary.missing > 0 ? 'incomplete' : state === 'readable' ? 'whole' : state,
    parts: parts.map((part) => ({ ...part, digest: digestText(part.digest) })),
    contents: totals,
    stored: summary,
    missing: missing.map((blob) => ({ ...blob, digest: digestText(blob.digest) })),
  };
  // The entries may be a million: they are not held.
  await print(`${JSON.stringify(head).slice(0, -1)},"entries":[`);
  let isFirst = true;
  for await (const entry of entries) {
    const { digest } = entry;
    await print(
      `${isFirst ? '' : ','}\n${JSON.stringify({ ...entry, digest: digest && digestText(digest) })}`,
    );
    isFirst = false;
  }
  await print(']}\n');
}

async function* none(): AsyncGenerator<TreeEntry> {}

function levels(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Write a number of levels.');
  return Number(text);
}
