import type { Digest } from '../core/digest.ts';
import { parseDigest } from '../core/digest.ts';
import { instantOf } from '../core/instant.ts';
import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { decodeNamedAsset, type StoredAsset } from '../store/asset-record.ts';
import type { Layout } from '../store/layout.ts';
import { readingOf, segmentsBelow } from '../store/record-contents.ts';
import { readRecord } from '../store/record-look.ts';
import { unsealed } from '../store/records.ts';
import { resultIn } from '../store/volume-action-cache.ts';
import type { ListedRecord } from './record-list.ts';

/** Something that a record leads to directly. */
export interface RecordPart {
  /** As people would look for it below the record; empty for the root of a reference. */
  readonly path: string;
  /** `tree`: a Tree message, which has a whole tree of directories in it. */
  readonly type: 'file' | 'directory' | 'tree';
  readonly digest: Digest;
  readonly isExecutable: boolean;
}

/** What is in a record. `unreadable`: the file is no such record, or a damaged one. `expired`: nobody gets it any more. */
export interface RecordParts {
  readonly state: 'readable' | 'expired' | 'unreadable' | 'absent';
  readonly parts: readonly RecordPart[];
  /** Of the record's own file. */
  readonly recordBytes: number;
}

/** Reads a record, and leaves no trace. */
export async function partsOf(
  layout: Layout,
  record: Pick<ListedRecord, 'kind' | 'recordRoot' | 'path'>,
): Promise<RecordParts> {
  const { kind, recordRoot, path } = record;
  const reading = readingOf(recordRoot);
  const file = await readRecord(path, reading.longest);
  if (file === undefined) return { state: 'absent', parts: [], recordBytes: 0 };
  const { bytes } = file;
  if (bytes === undefined) return { state: 'unreadable', parts: [], recordBytes: 0 };
  const recordBytes = bytes.length;
  const said = await reading.contents(layout, segmentsBelow(recordRoot, path), bytes, instantOf(Date.now()));
  if (said === 'unreadable' || said === 'foreign') return { state: 'unreadable', parts: [], recordBytes };
  const state = said === 'expired' ? 'expired' : 'readable';
  if (kind === 'asset') {
    const asset = decodeNamedAsset(unsealed(bytes) ?? bytes);
    return { state, recordBytes, parts: asset === undefined ? [] : assetParts(asset.name.kind, asset.asset) };
  }
  if (said === 'expired') return { state, parts: [], recordBytes };
  if (kind === 'action') {
    const result = resultIn(unsealed(bytes));
    const [digest] = [...said.blobs, ...said.trees, ...said.directories];
    return { state, recordBytes, parts: result && digest ? resultParts(result, digest) : [] };
  }
  const parts: RecordPart[] = [
    ...said.directories.map((digest) => part('', 'directory', digest)),
    ...said.blobs.map((digest, index) =>
      part(said.blobs.length === 1 ? 'value' : `chunks/${index}`, 'file', digest),
    ),
  ];
  return { state, parts, recordBytes };
}

function assetParts(kind: 'blob' | 'directory', asset: StoredAsset): RecordPart[] {
  const numbered = (name: string, type: RecordPart['type'], digests: readonly Digest[]) =>
    digests.map((digest, index) => part(`${name}/${index}`, type, digest));
  return [
    part(kind, kind === 'blob' ? 'file' : 'directory', asset.digest),
    ...numbered('references_blobs', 'file', asset.referencesBlobs),
    ...numbered('references_directories', 'directory', asset.referencesDirectories),
  ];
}

/** `known` is one of the digests in the result: all are of one function. */
function resultParts(result: ActionResult, { digestFunction }: Digest): RecordPart[] {
  const parts: RecordPart[] = [];
  const add = (
    path: string,
    type: RecordPart['type'],
    digest: ActionResult['stdoutDigest'],
    isExecutable = false,
  ) => {
    if (digest !== undefined)
      parts.push({ path, type, digest: parseDigest(digest, digestFunction), isExecutable });
  };
  for (const { path, digest, isExecutable } of result.outputFiles) add(path, 'file', digest, isExecutable);
  for (const { path, treeDigest, rootDirectoryDigest } of result.outputDirectories) {
    add(path, 'tree', treeDigest);
    add(path, 'directory', rootDirectoryDigest);
  }
  add('stdout', 'file', result.stdoutDigest);
  add('stderr', 'file', result.stderrDigest);
  return parts;
}

function part(path: string, type: RecordPart['type'], digest: Digest): RecordPart {
  return { path, type, digest, isExecutable: false };
}
