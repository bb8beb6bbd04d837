import { createHash } from 'node:crypto';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type AssetKind, type AssetName, parseQualifiers, parseUris } from '../core/asset-name.ts';
import type { Asset } from '../core/asset-store.ts';
import { type Digest, parseDigest, type UncheckedDigest } from '../core/digest.ts';
import { digestFunctionValue, parseDigestFunction } from '../core/digest-function.ts';
import { parseInstanceName } from '../core/instance-name.ts';
import { type Instant, parseInstant, timestampMessage } from '../core/instant.ts';
import {
  type Digest as DigestMessage,
  DigestFunction_Value,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { AssetRecord, AssetRecord_Kind } from '../gen/weir/v1/asset_record.ts';

/** An asset as it is kept. */
export interface StoredAsset extends Asset {
  readonly pushedAt: Instant;
}

/** Longer than any record that is written: all references, and a name of the greatest length. Bytes. */
export const longestAssetRecord = 32 * 1024 * 1024;

const kinds: Record<AssetKind, AssetRecord_Kind> = {
  blob: AssetRecord_Kind.BLOB,
  directory: AssetRecord_Kind.DIRECTORY,
};

/** What the file of an asset is called: the hash of all that its name is made of. */
export function assetId({ instanceName, kind, uri, qualifiers }: AssetName): string {
  const parts = [instanceName, kind, uri, ...qualifiers.flatMap(({ name, value }) => [name, value])];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export function encodeAsset(name: AssetName, asset: Asset, pushedAt: Instant): Uint8Array {
  const { digest, referencesBlobs, referencesDirectories, expireAt } = asset;
  // BLAKE3 has hashes of SHA-256's length; all others are told by theirs.
  const named = digest.digestFunction === 'blake3';
  return AssetRecord.encode({
    instanceName: name.instanceName,
    kind: kinds[name.kind],
    uri: name.uri,
    qualifiers: [...name.qualifiers],
    pushedAt: timestampMessage(pushedAt),
    expireAt: expireAt === undefined ? undefined : timestampMessage(expireAt),
    digest: message(digest),
    referencesBlobs: referencesBlobs.map(message),
    referencesDirectories: referencesDirectories.map(message),
    digestFunction: named ? digestFunctionValue('blake3') : DigestFunction_Value.UNKNOWN,
  }).finish();
}

/** Undefined for bytes that are no record of this name: a file that was cut short, or put there by somebody. */
export function decodeAsset(name: AssetName, bytes: Uint8Array): StoredAsset | undefined {
  try {
    const reader = new BinaryReader(bytes);
    const record = AssetRecord.decode(reader);
    // The decoder stops at a zero byte where a field would begin.
    if (reader.pos < bytes.length) return undefined;
    const pushedAt = parseInstant(record.pushedAt, 'pushed_at');
    if (pushedAt === undefined || !isNameOf(name, record)) return undefined;
    const digestFunction = parseDigestFunction(record.digestFunction);
    const parse = (digest: UncheckedDigest | undefined) => parseDigest(digest, digestFunction);
    return {
      pushedAt,
      expireAt: parseInstant(record.expireAt, 'expire_at'),
      digest: parse(record.digest),
      referencesBlobs: record.referencesBlobs.map(parse),
      referencesDirectories: record.referencesDirectories.map(parse),
    };
  } catch {
    return undefined;
  }
}

/** The same for whoever does not know the name, which the record has too. */
export function decodeNamedAsset(bytes: Uint8Array): { name: AssetName; asset: StoredAsset } | undefined {
  try {
    const { instanceName, kind, uri, qualifiers } = AssetRecord.decode(bytes);
    const name = {
      instanceName: parseInstanceName(instanceName),
      kind: kind === AssetRecord_Kind.BLOB ? ('blob' as const) : ('directory' as const),
      uri: parseUris([uri])[0],
      qualifiers: parseQualifiers(qualifiers),
    };
    const asset = decodeAsset(name, bytes);
    return asset && { name, asset };
  } catch {
    return undefined;
  }
}

function isNameOf(name: AssetName, record: AssetRecord): boolean {
  const { instanceName, kind, uri } = record;
  const same = instanceName === name.instanceName && kind === kinds[name.kind] && uri === name.uri;
  const qualifiers = parseQualifiers(record.qualifiers);
  return same && JSON.stringify(qualifiers) === JSON.stringify(name.qualifiers);
}

function message({ hash, sizeBytes }: Digest): DigestMessage {
  return { hash, sizeBytes: BigInt(sizeBytes) };
}
