import { digestText } from '../core/digest.ts';
import type { WrittenDigest } from '../core/written-digest.ts';
import { type BlobReport, oldestUse, reportOn } from '../inventory/blob-report.ts';
import { isHere } from '../inventory/directory-reader.ts';
import { recordText } from '../inventory/named-record.ts';
import { type LeadingRecord, recordsLeadingTo } from '../inventory/record-search.ts';
import { exitCodes } from './exit-codes.ts';
import { bytesText, countOf, countText, printable, spanText } from './figures.ts';
import type { VolumeWork } from './volume-command.ts';

interface BlobQuestion {
  /** Whether the records are searched that lead to it. */
  readonly records: boolean;
  readonly json: boolean;
}

/** What the volume tells of one blob, and which records lead to it. */
export async function explainBlob(
  work: VolumeWork,
  written: WrittenDigest,
  { records, json }: BlobQuestion,
): Promise<number> {
  const { layout, signal, line, print } = work;
  let read = 0;
  const report = await reportOn(layout, written, signal, (bytes) => {
    read += bytes;
    line.show(() => `reading it: ${bytesText(read)}`);
  });
  const oldest = report.state === 'missing' ? await oldestUse(layout, written.name, signal) : undefined;
  const name = written.digest === undefined ? written.name : digestText(written.digest);
  if (!json)
    await print([name, ...sentences(written, report, oldest).map((each) => `  ${each}`), ''].join('\n'));
  const leading = records ? await search(work, written, json) : undefined;
  if (json) await print(`${JSON.stringify(jsonOf(name, report, oldest, leading))}\n`);
  if (isHere(report.state) && report.isSound !== false) return exitCodes.success;
  const isUnknown =
    report.state === 'missing' && report.quarantinedAtMs === undefined && leading?.length === 0;
  return isUnknown ? exitCodes.notFound : exitCodes.failure;
}

async function search(work: VolumeWork, { name }: WrittenDigest, json: boolean): Promise<LeadingRecord[]> {
  const { layout, signal, line, print } = work;
  const found: LeadingRecord[] = [];
  let searched = 0;
  const progress = ({ records, directories }: { records: number; directories: number }) => {
    searched = records;
    line.show(
      () =>
        `${countOf(records, 'record')}, ${countText(directories)} directories, ${found.length} lead to it`,
    );
  };
  for await (const each of recordsLeadingTo(layout, name, signal, progress)) {
    if (found.length < mostKept) found.push(each);
    if (json) continue;
    if (found.length === 1) await print('  These lead to it:\n');
    await print(`    ${recordLine(each)}\n`);
  }
  if (found.length === 0 && !json)
    await print(`  None of the ${countOf(searched, 'record')} on the volume leads to it.\n`);
  return found;
}

/** In one JSON object; as lines, all are printed. */
const mostKept = 10_000;

function recordLine({ record, path, digest }: LeadingRecord): string {
  const name = record.name === undefined ? `a ${record.kind}` : `${record.kind} ${recordText(record.name)}`;
  return printable(`${name}, at ${path === '' ? '/' : path} (${digestText(digest).split('/').at(-1)} bytes)`);
}

function sentences(
  { digest }: WrittenDigest,
  { state, fileBytes = 0, isSound, usedAtMs, quarantinedAtMs }: BlobReport,
  oldest: number | undefined,
): string[] {
  const used = usedAtMs === undefined ? '' : `, last used ${ago(usedAtMs)}`;
  const aside =
    quarantinedAtMs === undefined
      ? []
      : [`A file of it was set aside ${at(quarantinedAtMs)}: its bytes did not give its hash.`];
  switch (state) {
    case 'present':
      return [`It is here: ${countOf(fileBytes, 'byte')}${used}, and its bytes give its hash.`, ...aside];
    case 'trash':
      return [
        `It is on its way out${used}: a janitor has moved it into the trash to make room.`,
        'Servers still answer with it, and give it back its place when somebody asks for it.',
        ...aside,
      ];
    case 'damaged':
      return [
        `Its file is here (${countOf(fileBytes, 'byte')}${used}) but is damaged: the bytes do not give the hash.`,
        'Servers set it aside when they read it, and weir fsck --repair does; an upload heals it.',
        ...aside,
      ];
    case 'wrong-size':
      return [
        `Its file has ${countOf(fileBytes, 'byte')}, and the digest says ${countText(digest?.sizeBytes ?? 0)}: it is no answer to that.`,
        isSound === true
          ? 'The bytes give the hash, so the size in the digest is wrong.'
          : 'The bytes do not give the hash either: the file was cut short or grew. An upload heals it.',
        ...aside,
      ];
    case 'quarantined':
      return [
        ...aside,
        'It is missing until somebody uploads it again. The cause is the disk or what wrote to it: look there.',
      ];
    case 'missing':
      return missingSentences(oldest);
  }
  throw new Error(`nobody has words for ${String(state)}`);
}

/** Eviction leaves no note, so this is as much as anybody can know. */
function missingSentences(oldest: number | undefined): string[] {
  const first = 'It is not here. Nothing on the volume tells whether it ever was: eviction leaves no note.';
  if (oldest === undefined) return [first];
  return [
    first,
    `Of a sample of blobs here, the one unused for longest was last used ${ago(oldest)}. Where room is made`,
    '(weir_eviction_age_seconds of weir status is not 0), what was not used for longer than that is gone.',
  ];
}

function ago(atMs: number): string {
  return `${spanText(Date.now() - atMs)} ago`;
}

function at(atMs: number): string {
  return `at ${new Date(atMs).toISOString()}`;
}

function jsonOf(
  name: string,
  { state, fileBytes, isSound, usedAtMs, quarantinedAtMs }: BlobReport,
  oldest: number | undefined,
  leading: readonly LeadingRecord[] | undefined,
): Record<string, unknown> {
  const time = (atMs: number | undefined) => (atMs === undefined ? undefined : new Date(atMs).toISOString());
  return {
    digest: name,
    state,
    fileBytes,
    isSound,
    usedAt: time(usedAtMs),
    quarantinedAt: time(quarantinedAtMs),
    oldestUseSampled: time(oldest),
    records: leading?.map(({ record, path, digest }) => ({
      kind: record.kind,
      ref: record.name && recordText(record.name),
      path,
      digest: digestText(digest),
    })),
  };
}
