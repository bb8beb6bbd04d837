import { recordKinds, type RecordKind } from '../store/record-contents.ts';
import { type Finding, type FindingKind, findingKinds } from '../store/volume-check.ts';

/** Of each kind so many are named; all are counted. */
const mostNamed = 1000;
const mostPrinted = 20;

/** What a check has found so far. */
export interface FsckReport {
  readonly volume: string;
  /** False where it was ended before it had seen everything. */
  whole: boolean;
  blobs: number;
  bytes: number;
  readonly records: Record<RecordKind, number>;
  readonly found: Record<FindingKind, Found>;
}

interface Found {
  count: number;
  /** How many of them were set aside or removed. */
  repaired: number;
  readonly first: Finding[];
}

export function emptyReport(volume: string): FsckReport {
  const found = findingKinds.map((kind) => [kind, { count: 0, repaired: 0, first: [] }]);
  return {
    volume,
    whole: false,
    blobs: 0,
    bytes: 0,
    records: Object.fromEntries(recordKinds.map((kind) => [kind, 0])) as Record<RecordKind, number>,
    found: Object.fromEntries(found) as Record<FindingKind, Found>,
  };
}

export function addFinding({ found }: FsckReport, kind: FindingKind, finding: Finding): void {
  found[kind].count++;
  if (finding.repaired === true) found[kind].repaired++;
  if (found[kind].first.length < mostNamed) found[kind].first.push(finding);
}

/** How much is wrong now: what was repaired is not, and what is only worth knowing never was. */
export function stillWrong({ found }: FsckReport): number {
  const { damaged, unreadable, incomplete, failed } = found;
  return [damaged, unreadable, incomplete, failed].reduce(
    (sum, { count, repaired }) => sum + count - repaired,
    0,
  );
}

const headings: Record<FindingKind, string> = {
  damaged: 'Damaged blobs, whose bytes do not give their hashes',
  unreadable: 'Records that cannot be read',
  incomplete: 'Records that lead to something that is not here',
  failed: 'What could not be looked at',
  outdated: 'Chunkings of blobs or chunks that are gone, which are made again when needed',
  foreign: 'Foreign files, which no server uses',
  temporary: 'Temporary files, of uploads under way or left over',
  trash: 'Files in the trash, on their way out',
  quarantined: 'Files in the quarantine from before',
};

/** For people. */
export function reportText(report: FsckReport): string {
  const { found, records, blobs, bytes, whole, volume } = report;
  const lines = [
    `${volume}: ${count(blobs)} blobs (${count(bytes)} bytes), ` +
      recordKinds.map((kind) => `${count(records[kind])} ${kind}`).join(', '),
  ];
  for (const kind of findingKinds) {
    const { first, repaired, count: all } = found[kind];
    if (all === 0) continue;
    const done = kind === 'damaged' ? 'set aside' : 'removed';
    lines.push('', `${headings[kind]}: ${count(all)}${repaired > 0 ? `, ${count(repaired)} ${done}` : ''}`);
    for (const { path, detail } of first.slice(0, mostPrinted))
      lines.push(`  ${printable(path)}${detail === undefined ? '' : `: ${printable(detail)}`}`);
    if (all > mostPrinted) lines.push(`  … and ${count(all - Math.min(first.length, mostPrinted))} more`);
  }
  lines.push('', verdict(stillWrong(report), whole));
  return `${lines.join('\n')}\n`;
}

function verdict(wrong: number, whole: boolean): string {
  const seen = whole ? '' : ' It was ended early: this is what was seen so far.';
  if (wrong === 0) return `Nothing is wrong.${seen}`;
  return `Wrong: ${count(wrong)}.${seen}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Names on a volume may hold anything; a terminal obeys some of it. */
function printable(text: string): string {
  return /^[ -~…]*$/.test(text) ? text : JSON.stringify(text).replaceAll(/[\u007f-\u009f]/g, '?');
}
