import { type AgeUsage, measureByAge } from '../inventory/age-usage.ts';
import type { BlobSum } from '../inventory/blob-owners.ts';
import { measureUsage, type Usage, type UsageBy, type UsageGroup } from '../inventory/usage.ts';
import { Command, Option } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { bytesText, countOf, countText, printable, spanText } from './figures.ts';
import { bar } from './progress-line.ts';
import { onVolume, type VolumeWork, withVolume } from './volume-command.ts';

interface DuOptions {
  readonly volume: string;
  readonly by: UsageBy | 'age';
  readonly json: boolean;
}

/** `weir du`: what takes the room on a volume. */
export function duCommand(): Command {
  return withVolume(
    new Command('du').description(
      'tell what takes room on a volume, by project, instance or kind of record, or by when it was last used',
    ),
  )
    .addOption(
      new Option('--by <what>', 'what is added up together')
        .choices(['project', 'instance', 'kind', 'age'])
        .default('project'),
    )
    .option('--json', 'print one JSON object', false)
    .action(du);
}

async function du({ volume, by, json }: DuOptions): Promise<void> {
  await onVolume(volume, async (work) => {
    if (by === 'age') return await duByAge(work, json);
    const { layout, signal, line, print } = work;
    const usage = await measureUsage(layout, by, signal, ({ records, blobs, part }) => {
      const walked = `${countOf(records, 'record')}, ${countOf(blobs, 'blob')}`;
      line.show(() => (part === undefined ? walked : `${walked}; the others ${bar(part)}`));
    });
    await print(json ? `${JSON.stringify({ by, ...usage })}\n` : usageText(usage, by));
    return exitCodes.success;
  });
}

async function duByAge({ layout, signal, line, print }: VolumeWork, json: boolean): Promise<number> {
  const ages = await measureByAge(layout, Date.now(), signal, (part) => line.show(() => bar(part)));
  const rows = ages.map((age) => ({
    ...age,
    underMs: Number.isFinite(age.underMs) ? age.underMs : undefined,
  }));
  await print(json ? `${JSON.stringify({ by: 'age', ages: rows })}\n` : ageText(ages));
  return exitCodes.success;
}

const columns = [12, 12, 10, 9] as const;

function row(...cells: readonly string[]): string {
  return cells.map((cell, index) => cell.padStart(columns[index] ?? 0)).join('  ');
}

function sumRow({ diskBytes, bytes, blobs }: BlobSum, what: string): string {
  return row(bytesText(diskBytes), bytesText(bytes), countText(blobs), '', what);
}

function usageText(usage: Usage, by: UsageBy): string {
  const groups = [...usage.groups].sort((one, other) => other.reachable.diskBytes - one.reachable.diskBytes);
  const { shared, chunks, unreached, others, missing, unreadable, diskBytes } = usage;
  const lines = [
    row('reachable', 'its own', 'blobs', 'records', by),
    ...groups.map(groupRow),
    '',
    row('on disk', 'bytes', 'blobs', '', 'beside that'),
    sumRow(shared, `shared: several ${by}s lead to them, and all count them as reachable`),
    sumRow(chunks, 'only chunkings lead to them'),
    sumRow(unreached, 'no record leads to them'),
    ...Object.entries(others).map(([name, bytes]) => row(bytesText(bytes), '', '', '', name)),
    row(bytesText(diskBytes), '', '', '', 'in all'),
  ];
  if (missing > 0)
    lines.push(
      '',
      `${countOf(missing, 'blob')} that records lead to are not here; weir ls --long shows which records.`,
    );
  if (unreadable > 0)
    lines.push('', `${countOf(unreadable, 'record')} cannot be read; weir fsck names them.`);
  return `${lines.join('\n')}\n`;
}

function groupRow({ name, reachable, own, records, recordDiskBytes }: UsageGroup): string {
  return row(
    bytesText(reachable.diskBytes),
    bytesText(own.diskBytes + recordDiskBytes),
    countText(reachable.blobs),
    countText(records),
    printable(name),
  );
}

function ageText(ages: readonly AgeUsage[]): string {
  const name = ({ underMs }: AgeUsage, index: number) =>
    Number.isFinite(underMs)
      ? `last used less than ${spanText(underMs)} ago`
      : `longer ago than ${spanText(ages[index - 1]?.underMs ?? 0)}`;
  return `${[row('on disk', 'bytes', 'blobs', ''), ...ages.map((age, index) => sumRow(age, name(age, index)))].join('\n')}\n`;
}
