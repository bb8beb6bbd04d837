import type { InstanceName } from '../core/instance-name.ts';
import {
  namedKinds,
  type NamedKind,
  type NamedRecord,
  parsePrefix,
  recordText,
} from '../inventory/named-record.ts';
import { type ListedRecord, listRecords, type RecordFilter } from '../inventory/record-list.ts';
import { isHere } from '../inventory/directory-reader.ts';
import { nothingSeen, reachedBlobs } from '../inventory/reached-blobs.ts';
import { partsOf } from '../inventory/record-parts.ts';
import { Argument, Command, Option } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { bytesText, countOf, countText, printable, spanText } from './figures.ts';
import { instanceOption, onVolume, type VolumeWork, withVolume } from './volume-command.ts';

interface LsOptions {
  readonly volume: string;
  readonly kind: NamedKind | 'all';
  readonly instance?: InstanceName;
  readonly long: boolean;
  readonly sort: 'name' | 'age';
  readonly count: boolean;
  readonly json: boolean;
}

/** What is known of a record: with `--long`, of what it leads to also. */
interface Line {
  readonly record: ListedRecord;
  readonly name: NamedRecord;
  readonly reach?: Reach;
}

interface Reach {
  readonly state: 'whole' | 'incomplete' | 'unreadable' | 'expired';
  readonly blobs: number;
  readonly bytes: number;
  readonly missing: number;
}

/** `weir ls`: which references, assets, results and values are on a volume. */
export function lsCommand(): Command {
  return withVolume(
    new Command('ls')
      .description('list what is on a volume by name: references of BuildStream, or another kind')
      .addArgument(new Argument('[prefix]', 'how the names begin; with an instance as [INSTANCE:]PREFIX')),
  )
    .addOption(
      new Option('--kind <kind>', 'what to list').choices([...namedKinds, 'all']).default('reference'),
    )
    .option('--instance <name>', 'only of this instance; "" for the unnamed one', instanceOption)
    .option('-l, --long', 'with the age, and with what each leads to, which is looked for', false)
    .addOption(
      new Option('--sort <order>', 'age: used longest ago first, which takes some 500 bytes of memory each')
        .choices(['name', 'age'])
        .default('name'),
    )
    .option('--count', 'print only how many there are', false)
    .option('--json', 'print a line of JSON for each', false)
    .action(ls);
}

async function ls(prefix: string | undefined, options: LsOptions): Promise<void> {
  await onVolume(options.volume, async (work) => {
    const filter = filterOf(prefix, options);
    if (options.count) return await printCount(work, filter, options);
    const unnamed = { count: 0 };
    for await (const record of sorted(work, filter, options)) {
      if (record.name === undefined) unnamed.count++;
      else {
        const reach = options.long ? await reachOf(work, record) : {};
        const line = { record, name: record.name, ...reach };
        await work.print(`${options.json ? JSON.stringify(jsonOf(line)) : textOf(line, options)}\n`);
      }
    }
    if (unnamed.count > 0)
      process.stderr.write(
        `weir: ${countOf(unnamed.count, 'file')} among them cannot be read as what they should be; weir fsck says which\n`,
      );
    return exitCodes.success;
  });
}

function filterOf(text: string | undefined, { kind, instance }: LsOptions): RecordFilter {
  const kinds = kind === 'all' ? namedKinds : [kind];
  if (text === undefined) return { kinds, instanceName: instance };
  return { kinds, ...parsePrefix(text, { instanceName: instance, kind: kind === 'all' ? undefined : kind }) };
}

async function printCount(
  { layout, signal, line, print }: VolumeWork,
  filter: RecordFilter,
  { json }: LsOptions,
): Promise<number> {
  let count = 0;
  for await (const { name } of listRecords(layout, filter, signal)) {
    if (name !== undefined) count++;
    line.show(() => `${countText(count)} so far`);
  }
  await print(`${json ? JSON.stringify({ count }) : count}\n`);
  return exitCodes.success;
}

async function* sorted(
  { layout, signal, line }: VolumeWork,
  filter: RecordFilter,
  { sort }: LsOptions,
): AsyncGenerator<ListedRecord> {
  if (sort === 'name') {
    yield* listRecords(layout, filter, signal);
    return;
  }
  const all: ListedRecord[] = [];
  for await (const record of listRecords(layout, filter, signal)) {
    all.push(record);
    line.show(() => `${countText(all.length)} so far`);
  }
  yield* all.sort((one, other) => one.usedAtMs - other.usedAtMs);
}

async function reachOf(
  { layout, signal, line }: VolumeWork,
  record: ListedRecord,
): Promise<{ reach: Reach }> {
  const { state, parts } = await partsOf(layout, record);
  const found = { blobs: 0, bytes: 0, missing: 0 };
  if (state !== 'readable' && state !== 'expired') return { reach: { ...found, state: 'unreadable' } };
  for await (const blob of reachedBlobs(layout, parts, nothingSeen(), signal)) {
    if (isHere(blob.state)) {
      found.blobs++;
      found.bytes += blob.digest.sizeBytes;
    } else found.missing++;
    line.show(() => countOf(found.blobs, 'blob'));
  }
  const isWhole = found.missing === 0 ? 'whole' : 'incomplete';
  return { reach: { ...found, state: state === 'expired' ? 'expired' : isWhole } };
}

function textOf({ record, name, reach }: Line, { long, kind }: LsOptions): string {
  const text = printable((kind === 'all' ? `${record.kind.padEnd(9)} ` : '') + recordText(name));
  if (!long || reach === undefined) return text;
  const age = spanText(Date.now() - record.usedAtMs);
  const state = reach.missing > 0 ? `${countText(reach.missing)} missing` : reach.state;
  return [
    bytesText(reach.bytes).padStart(9),
    countText(reach.blobs).padStart(8),
    age.padStart(7),
    state.padEnd(10),
    text,
  ].join('  ');
}

function jsonOf({ record, name, reach }: Line): Record<string, unknown> {
  return { ref: recordText(name), ...name, usedAt: new Date(record.usedAtMs).toISOString(), ...reach };
}
