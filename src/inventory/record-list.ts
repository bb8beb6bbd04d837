import { type DigestFunction, digestFunctionNamed, isHashOf } from '../core/digest-function.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { parseReferenceKey } from '../core/reference-key.ts';
import { decodeNamedAsset, longestAssetRecord } from '../store/asset-record.ts';
import { sizeOnDisk } from '../store/evictable.ts';
import { instanceFolder, instanceOfFolder, type Layout } from '../store/layout.ts';
import { segmentsBelow } from '../store/record-contents.ts';
import { readRecord } from '../store/record-look.ts';
import { sealBytes, unsealed } from '../store/records.ts';
import { sortedFiles } from '../store/sorted-files.ts';
import type { NamedKind, NamedRecord } from './named-record.ts';

/** Chunkings are records too; nobody names them. */
export type ListedKind = NamedKind | 'chunking';

/** A record that is on the volume. */
export interface ListedRecord {
  readonly kind: ListedKind;
  /** Undefined for a file that is no record, for one that is damaged, and for chunkings. */
  readonly name: NamedRecord | undefined;
  readonly instanceName: InstanceName;
  /** The folder of its kind: one of Layout.recordRoots. */
  readonly recordRoot: string;
  readonly path: string;
  /** When it was last used or written. Milliseconds since 1970. */
  readonly usedAtMs: number;
}

/** With the size of its own file. Bytes on disk. */
export type MeasuredRecord = ListedRecord & { readonly diskBytes: number };

/** Which records; all where nothing is said. */
export interface RecordFilter {
  readonly kinds?: readonly ListedKind[] | undefined;
  readonly instanceName?: InstanceName | undefined;
  /** How the name begins: a reference's key, an asset's URI, an action's hash, the hash of a value's key. */
  readonly prefix?: string | undefined;
}

type Named = Pick<ListedRecord, 'name' | 'instanceName'>;

/** The records of one folder of Layout.recordRoots. */
interface Room {
  readonly kind: ListedKind;
  readonly recordRoot: string;
  name(segments: readonly string[], path: string): Named | Promise<Named>;
}

const unnamedInstance = parseInstanceName('');

/** Where references of BuildStream's are, which have no instance. */
const heads = (layout: Layout): Room => ({
  kind: 'reference',
  recordRoot: layout.referenceHeads,
  name: (segments) => reference(unnamedInstance, segments),
});

/** Where records are that have their instance as the first folder. */
const namers: Readonly<Record<string, Pick<Room, 'kind' | 'name'>>> = {
  refs: {
    kind: 'reference',
    name: ([folder = '', ...segments]) => reference(instanceOfFolder(folder), segments),
  },
  ac: {
    kind: 'action',
    name([folder = '', named, prefix = '', rest = '', ...more]) {
      const instanceName = instanceOfFolder(folder) ?? unnamedInstance;
      const digestFunction: DigestFunction | undefined = digestFunctionNamed(named);
      const hash = prefix + rest;
      const isOne = digestFunction !== undefined && isHashOf(digestFunction, hash) && more.length === 0;
      return {
        instanceName,
        name: isOne ? { kind: 'action', instanceName, digestFunction, hash } : undefined,
      };
    },
  },
  assets: {
    kind: 'asset',
    async name([folder = ''], path) {
      const instanceName = instanceOfFolder(folder) ?? unnamedInstance;
      const bytes = unsealed((await readRecord(path, longestAssetRecord + sealBytes))?.bytes);
      const decoded = bytes && decodeNamedAsset(bytes);
      if (decoded === undefined || decoded.name.instanceName !== instanceName)
        return { instanceName, name: undefined };
      const { kind: assetKind, uri, qualifiers } = decoded.name;
      return { instanceName, name: { kind: 'asset', instanceName, assetKind, uri, qualifiers } };
    },
  },
  values: {
    kind: 'value',
    name([folder = '', prefix = '', rest = '', ...more]) {
      const instanceName = instanceOfFolder(folder) ?? unnamedInstance;
      const keyHash = prefix + rest;
      const isOne = isHashOf('sha256', keyHash) && more.length === 0;
      return { instanceName, name: isOne ? { kind: 'value', instanceName, keyHash } : undefined };
    },
  },
  chunkings: { kind: 'chunking', name: () => ({ instanceName: unnamedInstance, name: undefined }) },
};

/** Every room of records, in the order of Layout.recordRoots. */
function roomsOf(layout: Layout): Room[] {
  return layout.recordRoots.map((recordRoot) => {
    if (recordRoot === layout.referenceHeads) return heads(layout);
    const [folder = ''] = recordRoot.split('/').slice(-1);
    const namer = namers[folder];
    if (namer === undefined) throw new Error(`nobody knows the records in ${folder}`);
    return { recordRoot, ...namer };
  });
}

/**
 * The records of a volume, kind after kind, each in the order of their paths: references by key, others by what hashes
 * their names. In memory that does not grow with their number; nothing is leased or touched. With a prefix, files
 * without a name are left out.
 */
export async function* listRecords(
  layout: Layout,
  filter: RecordFilter = {},
  signal?: AbortSignal,
): AsyncGenerator<MeasuredRecord> {
  for (const room of roomsOf(layout)) {
    const { kind, recordRoot } = room;
    if (filter.kinds !== undefined && !filter.kinds.includes(kind)) continue;
    for await (const { path, stats } of sortedFiles(recordRoot, wantedPaths(room, layout, filter))) {
      signal?.throwIfAborted();
      const named = await room.name(segmentsBelow(recordRoot, path), path);
      if (filter.instanceName !== undefined && named.instanceName !== filter.instanceName) continue;
      if (filter.prefix !== undefined && !nameOf(named.name)?.startsWith(filter.prefix)) continue;
      const [usedAtMs, diskBytes] = [stats.mtimeMs, sizeOnDisk(stats)];
      yield { kind, recordRoot, path, usedAtMs, diskBytes, ...named };
    }
  }
}

/** What a prefix is compared with. */
export function nameOf(record: NamedRecord | undefined): string | undefined {
  if (record === undefined) return undefined;
  if (record.kind === 'reference') return record.key;
  if (record.kind === 'asset') return record.uri;
  return record.kind === 'action' ? record.hash : record.keyHash;
}

/** Leaves out folders in which nothing can be wanted: a list of one project does not read the others. */
function wantedPaths(
  { kind, recordRoot }: Room,
  layout: Layout,
  { instanceName, prefix = '' }: RecordFilter,
): (path: string, isFolder: boolean) => boolean {
  const hasInstances = recordRoot !== layout.referenceHeads;
  return (path, isFolder) => {
    const segments = segmentsBelow(recordRoot, path);
    if (hasInstances && kind !== 'chunking') {
      const folder = segments.shift();
      if (instanceName !== undefined && instanceFolder(instanceName) !== folder) return false;
    } else if (instanceName !== undefined && instanceName !== '') return false;
    if (kind !== 'reference' || prefix === '') return true;
    const begin = segments.join('/') + (isFolder ? '/' : '');
    return segments.length === 0 || (isFolder && prefix.startsWith(begin)) || begin.startsWith(prefix);
  };
}

function reference(instanceName: InstanceName | undefined, segments: readonly string[]): Named {
  if (instanceName === undefined) return { instanceName: unnamedInstance, name: undefined };
  try {
    return {
      instanceName,
      name: { kind: 'reference', instanceName, key: parseReferenceKey(segments.join('/')) },
    };
  } catch {
    return { instanceName, name: undefined };
  }
}
