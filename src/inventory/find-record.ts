import { longestAssetRecord } from '../store/asset-record.ts';
import { type AssetKind, parseQualifiers, parseUris } from '../core/asset-name.ts';
import type { Layout } from '../store/layout.ts';
import { readRecord } from '../store/record-look.ts';
import { sealBytes } from '../store/records.ts';
import { type NamedRecord, recordPaths, recordText } from './named-record.ts';
import { type ListedRecord, listRecords, nameOf } from './record-list.ts';

const assetKinds: readonly AssetKind[] = ['blob', 'directory'];
const noQualifiers = parseQualifiers([]);

/** How BuildStream 2 calls its artifacts and sources, before their own names. */
const buildstreamUrns = [
  'urn:fdc:buildstream.build:2020:artifact:',
  'urn:fdc:buildstream.build:2020:source:',
  'urn:fdc:buildstream.build:2020:source:local/',
] as const;

/**
 * The records of a name: one; of an asset whose kind was not said perhaps two; none where nothing has it. What is no reference may be an
 * artifact or source of BuildStream 2, which has the same name in an asset's URI. Nothing is touched.
 */
export async function findRecords(layout: Layout, record: NamedRecord): Promise<readonly ListedRecord[]> {
  const found = await exactly(layout, record);
  if (found.length > 0 || record.kind !== 'reference') return found;
  const { instanceName, key } = record;
  for (const urn of buildstreamUrns) {
    const [uri] = parseUris([urn + key]);
    const asset = {
      kind: 'asset',
      instanceName,
      assetKind: undefined,
      uri,
      qualifiers: noQualifiers,
    } as const;
    const assets = await exactly(layout, asset);
    if (assets.length > 0) return assets;
  }
  return [];
}

async function exactly(layout: Layout, record: NamedRecord): Promise<readonly ListedRecord[]> {
  const found: ListedRecord[] = [];
  for (const [index, path] of recordPaths(layout, record).entries()) {
    const file = await readRecord(path, longestAssetRecord + sealBytes);
    const recordRoot = layout.recordRoots.find((root) => path.startsWith(`${root}/`));
    if (file === undefined || recordRoot === undefined) continue;
    const { kind, instanceName } = record;
    const isOfTwo = record.kind === 'asset' && record.assetKind === undefined;
    const name = isOfTwo ? { ...record, assetKind: assetKinds[index] } : record;
    found.push({ kind, name, instanceName, recordRoot, path, usedAtMs: file.mtimeMs });
  }
  return found;
}

const namesShown = 3;
const mostEdits = 10;
/** Of a large volume so many names are compared. */
const mostCompared = 200_000;

/** Names of the same kind that are written alike, the most alike first, as `parseNamedRecord` takes them. */
export async function namesLike(
  layout: Layout,
  record: NamedRecord,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const wanted = nameOf(record) ?? '';
  const likely: { text: string; distance: number }[] = [];
  let compared = 0;
  for await (const { name } of listRecords(layout, { kinds: [record.kind] }, signal)) {
    const text = nameOf(name);
    if (name === undefined || text === undefined) continue;
    if (++compared > mostCompared) break;
    const distance = likeness(wanted, text);
    if (distance === undefined) continue;
    likely.push({ text: recordText(name), distance });
    likely.sort((one, other) => one.distance - other.distance);
    likely.length = Math.min(likely.length, namesShown);
  }
  return likely.map(({ text }) => text);
}

/** Smaller for names that are more alike; undefined for those that are not. */
function likeness(wanted: string, text: string): number | undefined {
  if (text === wanted) return 0;
  if (wanted.length >= 4 && (text.startsWith(wanted) || text.endsWith(wanted))) return 1;
  const most = Math.min(mostEdits, Math.floor(wanted.length / 4));
  if (Math.abs(text.length - wanted.length) <= most) {
    const edits = editsBetween(wanted, text, most);
    if (edits !== undefined) return edits + 1;
  }
  const folder = wanted.slice(0, wanted.lastIndexOf('/') + 1);
  return folder !== '' && text.startsWith(folder) ? mostEdits + 2 : undefined;
}

/** How many letters have to be put in, taken out or changed; undefined for more than `most`. */
function editsBetween(one: string, other: string, most: number): number | undefined {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const changed = (row[to - 1] ?? 0) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > most) return undefined;
    row = next;
  }
  const edits = row.at(-1) ?? 0;
  return edits > most ? undefined : edits;
}
