import { Command, InvalidArgumentError } from './commander.ts';
import { CacheError } from '../core/cache-error.ts';
import { digestText } from '../core/digest.ts';
import { findRecords } from '../inventory/find-record.ts';
import { type NamedRecord, recordPaths, recordText } from '../inventory/named-record.ts';
import { longestNote, type Pin, pinOf, removePin, writePin } from '../store/pins.ts';
import { type KeptRecord, recordKeeper } from '../store/record-keeper.ts';
import { exitCodes } from './exit-codes.ts';
import { bytesText, countOf, countText, printable } from './figures.ts';
import { listPins } from './pin-list.ts';
import { findOrTell, namedBy, type RefOptions, refSyntax, withRefOptions } from './ref-options.ts';
import { onVolume, type VolumeWork, withVolume } from './volume-command.ts';

interface PinOptions extends RefOptions {
  readonly volume: string;
  readonly list: boolean;
  readonly note?: string;
  readonly force: boolean;
  readonly indexOnly: boolean;
  readonly json: boolean;
}

/** `weir pin`: keeps what a name leads to from being evicted. */
export function pinCommand(): Command {
  return withRefOptions(
    withVolume(
      new Command('pin')
        .alias('pins')
        .description(
          'keep a name, and all that it leads to, from being evicted until it is unpinned; without REF, list what is pinned',
        )
        .argument('[ref]', refSyntax),
    ),
  )
    .option('--list', 'list what is pinned, and whether all of it is here', false)
    .option('--note <text>', 'why, and by whom, for the list', noteOption)
    .option('--force', 'pin it even if something of it is missing, or if it is not here at all yet', false)
    .option('--index-only', 'the volume of an index: do not look for what names lead to', false)
    .option('--json', 'print JSON: one object, in a list a line for each', false)
    .action(pin);
}

/** `weir unpin`: what nobody uses may go again. */
export function unpinCommand(): Command {
  return withRefOptions(
    withVolume(
      new Command('unpin')
        .description('let a pinned name, and what it leads to, be evicted like everything else')
        .argument('<ref>', refSyntax),
    ),
  )
    .option('--json', 'print one JSON object', false)
    .action(unpin);
}

async function pin(ref: string | undefined, options: PinOptions): Promise<void> {
  await onVolume(options.volume, async (work) => {
    if (ref === undefined || options.list) {
      if (ref !== undefined) throw new CacheError('invalid-argument', 'write either a REF or --list');
      return await listPins(work, options);
    }
    const found = await toPin(work, namedBy(ref, options), options);
    return found === undefined ? exitCodes.notFound : await pinRecord(work, found, options);
  });
}

interface ToPin {
  readonly path: string;
  readonly name: NamedRecord;
}

/** Undefined where nothing has this name, which was said then. */
async function toPin(work: VolumeWork, name: NamedRecord, { force }: PinOptions): Promise<ToPin | undefined> {
  const { layout } = work;
  const [record] = force ? await findRecords(layout, name) : [await findOrTell(work, name)];
  if (record !== undefined) return { path: record.path, name: record.name ?? name };
  if (!force) return undefined;
  const [path, another] = recordPaths(layout, name);
  if (path === undefined || another !== undefined)
    throw new CacheError(
      'invalid-argument',
      'there is no asset of this URI yet: say with --asset-kind which kind it will be',
    );
  return { path, name };
}

/**
 * The pin is written first: from then on servers help to keep what it reaches. One that turns out to keep too little goes
 * again, and so does one that was not checked to the end.
 */
async function pinRecord(work: VolumeWork, { path, name }: ToPin, options: PinOptions): Promise<number> {
  const { layout } = work;
  const before = await pinOf(layout, path);
  const note = options.note ?? before?.note ?? '';
  const pinned: Pin = { recordPath: path, name: recordText(name), pinnedAtMs: Date.now(), note };
  let isToStay = false;
  await writePin(layout, pinned);
  try {
    const kept = await keptNow(work, path, options);
    isToStay = kept.state === 'whole' || options.force;
    await tell(work, pinned.name, kept, isToStay, options);
  } finally {
    if (!isToStay) await (before === undefined ? removePin(layout, path) : writePin(layout, before));
  }
  return isToStay ? exitCodes.success : exitCodes.failure;
}

async function keptNow(
  { layout, signal, line }: VolumeWork,
  path: string,
  { indexOnly }: PinOptions,
): Promise<KeptRecord> {
  const seen = { blobs: 0, bytes: 0 };
  // Servers may have another lease than we think: all is touched.
  const keeper = await recordKeeper(layout, { coalesceMs: 0, indexOnly }, (bytes) => {
    seen.blobs++;
    seen.bytes += bytes;
    line.show(() => `keeping ${countOf(seen.blobs, 'blob')}, ${bytesText(seen.bytes)}`);
  });
  const kept = await keeper.keep(path, signal);
  // What was stopped while nobody looked at the signal was not said to be pinned.
  signal.throwIfAborted();
  return kept;
}

async function tell(
  { print }: VolumeWork,
  ref: string,
  kept: KeptRecord,
  isPinned: boolean,
  { json }: PinOptions,
): Promise<void> {
  const { state, detail, blobs, bytes, missing, firstMissing } = kept;
  const named = firstMissing.map(digestText);
  if (json) {
    const what = { ref, pinned: isPinned, state, detail, blobs, bytes, missing, firstMissing: named };
    await print(`${JSON.stringify(what)}\n`);
    return;
  }
  const here = `${countOf(blobs, 'blob')}, ${bytesText(bytes)}`;
  if (state === 'whole') {
    await print(`pinned ${printable(ref)}: ${here}, all of it here\n`);
    return;
  }
  const why = missing === 0 ? printable(detail) : `${countOf(missing, 'blob')} missing, ${here} here`;
  const lines = [
    isPinned
      ? `pinned ${printable(ref)}, which is not whole: ${why}`
      : `weir: ${printable(ref)} is not whole, and was not pinned (--force does that): ${why}`,
    ...named.map((digest) => `  missing: ${digest}`),
    ...(missing > named.length ? [`  … and ${countText(missing - named.length)} more`] : []),
    '',
  ];
  if (isPinned) await print(lines.join('\n'));
  else process.stderr.write(lines.join('\n'));
}

async function unpin(ref: string, options: PinOptions): Promise<void> {
  await onVolume(options.volume, async ({ layout, print }) => {
    const name = namedBy(ref, options);
    const found = (await findRecords(layout, name)).map(({ path }) => path);
    const unpinned: string[] = [];
    for (const path of new Set([...recordPaths(layout, name), ...found])) {
      const pin = await pinOf(layout, path);
      if (await removePin(layout, path)) unpinned.push(pin?.name ?? recordText(name));
    }
    if (options.json) await print(`${JSON.stringify({ ref: recordText(name), unpinned })}\n`);
    else if (unpinned.length === 0)
      process.stderr.write(
        `weir: ${printable(recordText(name))} is not pinned; weir pin --list says what is\n`,
      );
    else await print(unpinned.map((one) => `unpinned ${printable(one)}\n`).join(''));
    return unpinned.length === 0 ? exitCodes.notFound : exitCodes.success;
  });
}

function noteOption(text: string): string {
  if (text.length > longestNote)
    throw new InvalidArgumentError(`A note has ${longestNote} characters at most.`);
  return text;
}
