import type { AssetKind } from '../core/asset-name.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import { blobName, type Digest, digestOf } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { instantOf } from '../core/instant.ts';
import { recordText } from '../inventory/named-record.ts';
import { type ListedKind, listRecords, type RecordFilter } from '../inventory/record-list.ts';
import { assetId, decodeAsset, longestAssetRecord } from '../store/asset-record.ts';
import { lookForBlob } from '../store/blob-look.ts';
import type { Layout } from '../store/layout.ts';
import { readRecord } from '../store/record-look.ts';
import { sealBytes, unsealed } from '../store/records.ts';
import { untouchedBlobs } from '../store/untouched-blobs.ts';
import { longestResult, resultIn } from '../store/volume-action-cache.ts';
import { volumeError } from '../store/volume-error.ts';
import { longestReference, rootIn } from '../store/volume-reference-store.ts';
import type { CopiedContent, CopiedName } from './copied-name.ts';
import type { CopySource } from './copy-ends.ts';
import type { WantedName } from './copy-names.ts';

/** Blobs that are read into memory together. Bytes. */
const batchBytes = 1024 * 1024;

/** Kinds of names that can be copied. */
export const copiedKinds = ['reference', 'asset', 'action'] as const satisfies readonly ListedKind[];
export type CopiedKind = (typeof copiedKinds)[number];

/**
 * The directory of a cache to copy from, Weir's or BuildStream's, with servers running on it or not. It is looked at as
 * `weir fsck` does: nothing is written, leased or touched, so what servers remove meanwhile is skipped.
 */
export function volumeSource(layout: Layout, clock: Clock): CopySource {
  const untouched = untouchedBlobs(layout, () => false);
  const { blobs } = untouched;

  async function bytesAt(path: string, longest: number): Promise<Uint8Array | undefined> {
    try {
      return (await readRecord(path, longest))?.bytes;
    } catch (error) {
      throw volumeError(error, 'reading a name');
    }
  }

  async function asset(
    { instanceName, uri, qualifiers }: Extract<CopiedName, { kind: 'asset' }>,
    kind: AssetKind,
  ): Promise<CopiedContent | undefined> {
    const name = { instanceName, kind, uri, qualifiers };
    const path = layout.asset(instanceName, kind, assetId(name));
    const bytes = unsealed(await bytesAt(path, longestAssetRecord + sealBytes));
    const found = bytes && decodeAsset(name, bytes);
    if (found === undefined || (found.expireAt !== undefined && found.expireAt <= instantOf(clock())))
      return undefined;
    return { kind: 'asset', instanceName, name, asset: found };
  }

  async function contents(name: CopiedName): Promise<readonly CopiedContent[]> {
    const { instanceName } = name;
    if (name.kind === 'reference') {
      const { key } = name;
      const root = rootIn(await bytesAt(layout.reference(instanceName, key), longestReference));
      return root === undefined ? [] : [{ kind: 'reference', instanceName, key, root }];
    }
    if (name.kind === 'asset') {
      const kinds = name.assetKind === undefined ? (['blob', 'directory'] as const) : [name.assetKind];
      const found = await Promise.all(kinds.map((kind) => asset(name, kind)));
      return found.filter((each) => each !== undefined);
    }
    const { hash, digestFunction } = name;
    const actionDigest = digestOf(hash, name.sizeBytes ?? (await sizeOf(name)), digestFunction);
    const path = layout.actionResult(instanceName, actionDigest);
    const result = resultIn(unsealed(await bytesAt(path, longestResult + sealBytes)));
    return result === undefined ? [] : [{ kind: 'action', instanceName, actionDigest, result }];
  }

  /** Of the Action message where that is here; records do not have it. */
  async function sizeOf(name: Extract<CopiedName, { kind: 'action' }>): Promise<number> {
    return (await lookForBlob(layout, blobName(name), undefined)).fileBytes;
  }

  async function readAll(
    _instanceName: InstanceName,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const found = [];
    for (const digest of digests) {
      signal.throwIfAborted();
      found.push(await blobs.readWhole(digest).catch(unlessNotFound));
    }
    return found;
  }

  return {
    contents,
    findMissing: (_instanceName, digests, signal) => blobs.findMissing(digests, signal),
    readAll,
    async *read(_instanceName, digest, offset, signal) {
      let position = 0;
      for await (const chunk of await untouched.read(digest)) {
        signal.throwIfAborted();
        const from = Math.max(0, offset - position);
        position += chunk.length;
        // What is left out was read for the hash.
        if (position > offset) yield chunk.subarray(from);
      }
    },
    batchBytes,
    close: () => Promise.resolve(),
  };
}

/** The names in a directory that can be copied, in constant memory. */
export async function* namesOfVolume(
  layout: Layout,
  filter: RecordFilter & { readonly kinds: readonly CopiedKind[] },
  signal: AbortSignal,
): AsyncGenerator<WantedName> {
  for await (const { name, path } of listRecords(layout, filter, signal)) {
    if (name?.kind === 'value') continue;
    if (name !== undefined) yield { text: recordText(name), name };
    else yield { text: path.slice(layout.root.length + 1), why: 'this file is no name that can be read' };
  }
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof CacheError && error.kind === 'not-found') return undefined;
  throw error;
}
