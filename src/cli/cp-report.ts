import type { CopyObserver, CopyOutcome } from '../copying/copy-names.ts';
import { bytesText, countOf, countText, printable, spanText } from './figures.ts';
import { bar, type ProgressLine } from './progress-line.ts';

/** Of the names that were not copied so many are told; all are counted. */
const mostTold = 1000;
const mostPrinted = 50;

/** What `weir cp` has done so far; with --json it is printed as it is. */
export interface CopyReport {
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
  /** False where it ended before it had come to every name. */
  whole: boolean;
  readonly names: Record<CopyOutcome, number>;
  /** `looked`: the target was asked for; `sent`: it did not have. */
  readonly blobs: { looked: number; sent: number };
  /** Of blobs, as they were sent: what was sent twice counts twice. */
  sentBytes: number;
  seconds: number;
  readonly problems: { name: string; outcome: CopyOutcome; why: string }[];
  /** Why it ended early. */
  error?: string;
}

export function emptyReport(from: string, to: string, dryRun: boolean): CopyReport {
  return {
    from,
    to,
    dryRun,
    whole: false,
    names: { copied: 0, present: 0, skipped: 0, failed: 0 },
    blobs: { looked: 0, sent: 0 },
    sentBytes: 0,
    seconds: 0,
    problems: [],
  };
}

/** Keeps the report, and the line that shows it. `total` gives how many names there are, as far as that is known. */
export function reporting(
  report: CopyReport,
  line: ProgressLine,
  total: () => number | undefined,
): CopyObserver {
  const begun = performance.now();
  const show = () => {
    report.seconds = Math.round((performance.now() - begun) / 100) / 10;
    line.show(() => progressText(report, total()));
  };
  return {
    looked(blobs) {
      report.blobs.looked += blobs;
      show();
    },
    sentBytes(bytes) {
      report.sentBytes += bytes;
      show();
    },
    sentBlobs(blobs) {
      report.blobs.sent += blobs;
      show();
    },
    ended(name, outcome, why = '') {
      report.names[outcome]++;
      if (outcome !== 'copied' && outcome !== 'present' && report.problems.length < mostTold)
        report.problems.push({ name, outcome, why });
      show();
    },
  };
}

function progressText(report: CopyReport, total: number | undefined): string {
  const done = doneNames(report);
  const rate = bytesText(Math.round(report.sentBytes / Math.max(report.seconds, 0.1)));
  return [
    ...(total === undefined || total === 0 ? [] : [bar(Math.min(1, done / total))]),
    `${countText(done)}${total === undefined ? '' : ` of ${countText(total)}`} names`,
    `${countOf(report.blobs.sent, 'blob')} sent`,
    `${bytesText(report.sentBytes)} (${rate}/s)`,
  ].join('  ');
}

function doneNames({ names }: CopyReport): number {
  return Object.values(names).reduce((sum, count) => sum + count, 0);
}

/** For people. */
export function reportText(report: CopyReport): string {
  const { names, blobs, sentBytes, seconds, problems, dryRun, whole, error } = report;
  const lines = [
    `${countOf(names.copied, 'name')} ${dryRun ? 'would be copied' : 'copied'}, ` +
      `${countText(names.present)} there already, ${countText(names.skipped)} skipped, ${countText(names.failed)} failed`,
    `${countOf(blobs.sent, 'blob')} ${dryRun ? 'to send' : 'sent'} (${bytesText(sentBytes)}) ` +
      `of ${countText(blobs.looked)} looked for, in ${spanText(seconds * 1000)}`,
  ];
  for (const { name, outcome, why } of problems.slice(0, mostPrinted))
    lines.push(`${outcome}: ${printable(name)}: ${printable(why)}`);
  const untold = names.skipped + names.failed - Math.min(problems.length, mostPrinted);
  if (untold > 0) lines.push(`… and ${countText(untold)} more`);
  if (error !== undefined) lines.push(`It could not go on: ${printable(error)}`);
  else if (!whole) lines.push('It was stopped. The same command goes on where it was.');
  return `${lines.join('\n')}\n`;
}
