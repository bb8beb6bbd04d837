import { lstat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { blobName, blobNameParts, digestOf, parseBlobName } from '../core/digest.ts';
import { digestFunctionNamed, isHashOf } from '../core/digest-function.ts';
import type { Instant } from '../core/instant.ts';
import { assetId, decodeNamedAsset, longestAssetRecord } from './asset-record.ts';
import { chunksIn, longestChunking } from './chunkings.ts';
import type { Layout } from './layout.ts';
import type { WideReach } from './reach.ts';
import { sealBytes, unsealed } from './records.ts';
import { longestResult, resultIn, resultReach } from './volume-action-cache.ts';
import { assetReach } from './volume-asset-store.ts';
import { isAbsent } from './volume-error.ts';
import { longestReference, rootIn } from './volume-reference-store.ts';
import { longestValue, valueIn } from './volume-value-store.ts';

/** Everything that is found by a key. */
export const recordKinds = ['references', 'action results', 'assets', 'values', 'chunkings'] as const;
export type RecordKind = (typeof recordKinds)[number];

/** What a record leads to; or what is wrong with it. `foreign`: no name that a record could have. */
export type RecordContents = WideReach | 'unreadable' | 'foreign' | 'expired';

/** How records of a kind are read. `segments` are those of the path below the folder of the kind. */
interface Reading {
  readonly kind: RecordKind;
  readonly longest: number;
  contents(
    layout: Layout,
    segments: readonly string[],
    bytes: Buffer,
    now: Instant,
  ): RecordContents | Promise<RecordContents>;
}

const references: Reading = {
  kind: 'references',
  longest: longestReference,
  contents(_layout, _segments, bytes) {
    const root = rootIn(bytes);
    return root === undefined ? 'unreadable' : { blobs: [], directories: [root], trees: [] };
  },
};

const readings: Readonly<Record<string, Reading>> = {
  heads: references,
  refs: references,
  ac: {
    kind: 'action results',
    longest: longestResult + sealBytes,
    contents(_layout, [_instance, named, prefix = '', rest = '', ...more], bytes) {
      const digestFunction = digestFunctionNamed(named);
      if (digestFunction === undefined || !isHashOf(digestFunction, prefix + rest) || more.length > 0)
        return 'foreign';
      const result = resultIn(unsealed(bytes));
      return (result && resultReach(result, digestFunction)) ?? 'unreadable';
    },
  },
  assets: {
    kind: 'assets',
    longest: longestAssetRecord + sealBytes,
    contents(layout, segments, bytes, now) {
      const found = unsealed(bytes);
      const decoded = found && decodeNamedAsset(found);
      if (decoded === undefined) return 'unreadable';
      const { name, asset } = decoded;
      const path = layout.asset(name.instanceName, name.kind, assetId(name));
      if (!path.endsWith(join('', ...segments))) return 'unreadable';
      // Nobody gets it any more, so nothing of it has to be here.
      if (asset.expireAt !== undefined && asset.expireAt <= now) return 'expired';
      return assetReach(name.kind, asset);
    },
  },
  values: {
    kind: 'values',
    longest: longestValue + sealBytes,
    contents(_layout, [_instance, prefix = '', rest = '', ...more], bytes) {
      if (!isHashOf('sha256', prefix + rest) || more.length > 0) return 'foreign';
      const digest = valueIn(unsealed(bytes));
      return digest === undefined ? 'unreadable' : { blobs: [digest], directories: [], trees: [] };
    },
  },
  chunkings: {
    kind: 'chunkings',
    longest: longestChunking,
    async contents(layout, [_id, _prefix, file = '', ...more], bytes) {
      const name = parseBlobName(file);
      if (name === undefined || more.length > 0) return 'foreign';
      const { hash, digestFunction } = blobNameParts(name);
      // The seal is over the blob's size too, which is nowhere else.
      const size = await sizeOf(layout.blob(blobName({ hash, digestFunction })));
      const blob = digestOf(hash, size ?? 0, digestFunction);
      if (size === undefined) return { blobs: [blob], directories: [], trees: [] };
      const chunks = chunksIn(blob, bytes);
      return chunks === undefined ? 'unreadable' : { blobs: [blob, ...chunks], directories: [], trees: [] };
    },
  },
};

/** Who reads the records in one of the folders of records (Layout.recordRoots). */
export function readingOf(recordRoot: string): Reading {
  const reading = readings[basename(recordRoot)];
  if (reading === undefined) throw new Error(`nobody knows the records in ${basename(recordRoot)}`);
  return reading;
}

/** Segments of a record's path below the folder of its kind. */
export function segmentsBelow(recordRoot: string, path: string): string[] {
  return relative(recordRoot, path).split(sep);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
