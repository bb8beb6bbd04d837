import { digestText, blobName } from '../core/digest.ts';
import { parseWrittenDigest } from '../core/written-digest.ts';
import { isHere } from '../inventory/directory-reader.ts';
import { type NamedRecord, recordText } from '../inventory/named-record.ts';
import { nothingSeen, placeText, type ReachedBlob, reachedBlobs } from '../inventory/reached-blobs.ts';
import { partsOf } from '../inventory/record-parts.ts';
import { quarantinedSince } from '../store/blob-look.ts';
import { seenIncompleteSince } from '../store/incomplete-observations.ts';
import { Command } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { countOf, printable, spanText } from './figures.ts';
import { findOrTell, namedBy, type RefOptions, refSyntax, withRefOptions } from './ref-options.ts';
import { onVolume, type VolumeWork, withVolume } from './volume-command.ts';
import { explainBlob } from './why-missing-blob.ts';

interface WhyOptions extends RefOptions {
  readonly volume: string;
  readonly records: boolean;
  readonly json: boolean;
}

/** `weir why-missing`: what became of a blob, or which blobs of a reference are missing and where. */
export function whyMissingCommand(): Command {
  return withRefOptions(
    withVolume(
      new Command('why-missing')
        .description(
          'tell what a volume knows of a blob that somebody misses, or what a reference lacks (exit code 1)',
        )
        .argument('<digest-or-ref>', `[FUNCTION:]HASH[/SIZE] of a blob, or ${refSyntax}`),
    ),
  )
    .option('--no-records', 'of a blob, do not search the records that lead to it')
    .option('--json', 'print JSON: one object for a blob, a line for each missing blob of a reference', false)
    .action(whyMissing);
}

async function whyMissing(text: string, options: WhyOptions): Promise<void> {
  await onVolume(options.volume, async (work) => {
    const written = options.kind === undefined ? parseWrittenDigest(text) : undefined;
    if (written !== undefined) return await explainBlob(work, written, options);
    return await explainRecord(work, namedBy(text, options), options);
  });
}

async function explainRecord(work: VolumeWork, name: NamedRecord, { json }: WhyOptions): Promise<number> {
  const { layout, signal, line, print } = work;
  const record = await findOrTell(work, name);
  if (record === undefined) return exitCodes.notFound;
  const { state, parts } = await partsOf(layout, record);
  const since = await seenIncompleteSince(layout, record.path);
  if (!json) await print(`${printable(recordText(record.name ?? name))}\n`);
  if (state !== 'readable') {
    await print(
      json ? `${JSON.stringify({ state })}\n` : `  It is ${state}, so it is no answer to anybody.\n`,
    );
    return exitCodes.failure;
  }
  let [looked, missing] = [0, 0];
  for await (const blob of reachedBlobs(layout, parts, nothingSeen(), signal)) {
    looked++;
    line.show(() => `${countOf(looked, 'blob')}, ${missing} missing`);
    if (isHere(blob.state)) continue;
    missing++;
    await print(await missingLine(work, blob, json));
  }
  if (missing === 0) {
    if (!json) await print(`  Whole: all ${countOf(looked, 'blob')} that it leads to are here.\n`);
    return exitCodes.success;
  }
  if (!json) await print(`${verdict(missing, looked, since)}\n`);
  return exitCodes.failure;
}

async function missingLine({ layout }: VolumeWork, blob: ReachedBlob, json: boolean): Promise<string> {
  const { digest, type, state, place } = blob;
  const path = placeText(place);
  const asideMs = state === 'quarantined' ? await quarantinedSince(layout, blobName(digest)) : undefined;
  const aside = asideMs === undefined ? undefined : new Date(asideMs).toISOString();
  if (json)
    return `${JSON.stringify({ digest: digestText(digest), type, state, path, quarantinedAt: aside })}\n`;
  const why = aside === undefined ? state : `set aside at ${aside}, its bytes did not give its hash`;
  return `  ${digestText(digest)}  ${type} at ${printable(path) || '/'}: ${why}\n`;
}

function verdict(missing: number, looked: number, since: number | undefined): string {
  const lines = [
    `  ${countOf(missing, 'blob')} of the ${looked} that were looked for are missing; what is below a missing directory is not known.`,
  ];
  if (since !== undefined)
    lines.push(
      `  Servers have seen it incomplete for ${spanText(Date.now() - since)}; they remove it when that does not change for longer than a lease.`,
    );
  lines.push('  A push of the same brings back what is missing; weir why-missing DIGEST tells more of each.');
  return lines.join('\n');
}
