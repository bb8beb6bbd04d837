import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { namedKinds, type NamedKind, recordText } from '../inventory/named-record.ts';
import { type ListedRecord, listRecords, nameOf } from '../inventory/record-list.ts';
import { isPinned, removePin } from '../store/pins.ts';
import { removeRecordIf } from '../store/record-removal.ts';
import { removersClock } from '../store/volume-clock.ts';
import { Command, InvalidArgumentError, Option } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { countText } from './figures.ts';
import { namePattern, type NamePattern } from './name-pattern.ts';
import { emptyPurge, lineOf, type Purge, type PurgeOutcome, summaryOf, summaryText } from './purge-report.ts';
import { instanceOption, onVolume, type VolumeWork, withVolume } from './volume-command.ts';

interface PurgeOptions {
  readonly volume: string;
  readonly ref?: NamePattern;
  readonly instance?: InstanceName;
  readonly olderThan?: number;
  readonly kind?: readonly NamedKind[];
  readonly pinned: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `weir purge`: removes names that an operator does not want any more. */
export function purgeCommand(): Command {
  return withVolume(
    new Command('purge').description(
      'remove names by pattern, instance or age: says what would go, and removes it with --yes; blobs stay until room is needed',
    ),
  )
    .option(
      '--ref <pattern>',
      'names like this, written as ls prints them; * is for any characters',
      namePattern,
    )
    .option('--instance <name>', 'names of this instance; "" for the unnamed one', instanceOption)
    .option('--older-than <span>', 'not used or written for so long: 90s, 15min, 12h, 30d or 8w', spanOption)
    .addOption(new Option('--kind <kind...>', 'only names of these kinds').choices(namedKinds))
    .option('--pinned', 'pinned names too; their pins go with them', false)
    .option('--yes', 'remove them', false)
    .option('--json', 'print a line of JSON for each, and one for the whole', false)
    .action(purge);
}

async function purge(options: PurgeOptions): Promise<void> {
  await onVolume(options.volume, async (work) => {
    const { ref, instance, olderThan, yes } = options;
    if (ref === undefined && instance === undefined && olderThan === undefined)
      throw new CacheError('invalid-argument', 'say which names: --ref, --instance or --older-than');
    const done = emptyPurge();
    try {
      // Asking the volume for its time writes to it.
      await purgeRecords(work, options, yes ? await removersClock(work.layout) : Date.now, done);
      done.whole = true;
    } finally {
      await work.print(options.json ? `${JSON.stringify(summaryOf(done, yes))}\n` : summaryText(done, yes));
    }
    return done.failed > 0 ? exitCodes.failure : exitCodes.success;
  });
}

async function purgeRecords(
  { layout, signal, line, print }: VolumeWork,
  options: PurgeOptions,
  clock: Clock,
  done: Purge,
): Promise<void> {
  const { ref, instance, olderThan = 0, kind, yes, json } = options;
  const prefix = instance === undefined ? undefined : ref?.prefix;
  const filter = { kinds: kind ?? namedKinds, instanceName: instance, prefix };
  const isOld = (usedAtMs: number) => olderThan === 0 || clock() - usedAtMs > olderThan;
  let looked = 0;
  for await (const record of listRecords(layout, filter, signal)) {
    looked++;
    line.show(
      () => `${countText(looked)} looked at, ${countText(done.count)} ${yes ? 'removed' : 'to remove'}`,
    );
    if (!isMeant(record, options) || !isOld(record.usedAtMs)) continue;
    const outcome = await purged(record);
    done.note(record, outcome);
    if (json) await print(`${JSON.stringify(lineOf(record, outcome, yes))}\n`);
  }

  async function purged({ path }: ListedRecord): Promise<PurgeOutcome> {
    try {
      const pinned = await isPinned(layout, path);
      if (pinned && !options.pinned) return 'pinned';
      if (!yes) return 'removed';
      const outcome = await removeRecordIf(layout, path, ({ mtimeMs }) => isOld(mtimeMs));
      if (pinned && outcome !== 'kept') await removePin(layout, path);
      return outcome;
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      return { failed: error.message };
    }
  }
}

/** What has no name that can be read is left to fsck. */
function isMeant({ name, instanceName }: ListedRecord, { ref, instance }: PurgeOptions): boolean {
  if (name === undefined) return false;
  if (ref === undefined) return true;
  const bare = nameOf(name) ?? '';
  // Where the instance was said, it is not said again in the pattern.
  if (instance !== undefined) return ref.matches(bare);
  return ref.matches(instanceName === '' ? bare : `${instanceName}:${bare}`) || ref.matches(recordText(name));
}

const units: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400, w: 7 * 86_400 };

/** Milliseconds. */
function spanOption(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})(s|min|h|d|w)$/.exec(text) ?? [];
  const seconds = units[unit];
  if (seconds === undefined || Number(count) === 0)
    throw new InvalidArgumentError('Write a number and its unit: 90s, 15min, 12h, 30d or 8w.');
  return Number(count) * seconds * 1000;
}
