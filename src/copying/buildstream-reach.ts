import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { AssetUri } from '../core/asset-name.ts';
import type { Asset } from '../core/asset-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, parseDigest } from '../core/digest.ts';
import { Digest as DigestMessage } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** What an asset refers to beside its digest. */
export type AssetReferences = Pick<Asset, 'referencesBlobs' | 'referencesDirectories'>;

/** What a field of a message is: a digest, or a message with digests in it. */
interface Fields {
  readonly [field: number]: 'blob' | 'directory' | Fields;
}

/**
 * Fields of BuildStream 2's Artifact that are digests: files, public data, logs, build tree, sources, two of metadata, build root
 * and the sandboxes in it. Those of a Source: its files.
 */
const artifactFields: Fields = {
  8: 'directory',
  10: 'blob',
  11: { 2: 'blob' },
  12: 'directory',
  13: 'directory',
  14: 'blob',
  15: 'blob',
  17: 'directory',
  18: { 3: 'directory' },
};
const sourceFields: Fields = { 2: 'directory' };

/** How BuildStream 2 calls what it pushes as blobs, and what those are. */
const messages: readonly (readonly [urn: string, fields: Fields])[] = [
  ['urn:fdc:buildstream.build:2020:artifact:', artifactFields],
  ['urn:fdc:buildstream.build:2020:source:', sourceFields],
];

/** Whether the blob of this name is a message that leads to others. */
export function isBuildStreamMessage(uri: AssetUri): boolean {
  return messages.some(([urn]) => uri.startsWith(urn));
}

/**
 * What BuildStream 2 refers to when it pushes this blob. A server does not give that back: it has to be read from the blob.
 * Rejects with 'invalid-argument' when it is no message.
 */
export function buildStreamReferences(uri: AssetUri, digest: Digest, bytes: Uint8Array): AssetReferences {
  const fields = messages.find(([urn]) => uri.startsWith(urn))?.[1] ?? {};
  const found: { blob: Digest[]; directory: Digest[] } = { blob: [], directory: [] };
  try {
    collect(bytes, fields, (kind, part) => {
      const message = DigestMessage.decode(part);
      // One that nobody has filled in.
      if (message.hash !== '') found[kind].push(parseDigest(message, digest.digestFunction));
    });
  } catch (error) {
    if (error instanceof CacheError) throw error;
    throw new CacheError('invalid-argument', 'it is not the message that its name promises', {
      cause: error,
    });
  }
  return { referencesBlobs: found.blob, referencesDirectories: found.directory };
}

function collect(
  bytes: Uint8Array,
  fields: Fields,
  onDigest: (kind: 'blob' | 'directory', bytes: Uint8Array) => void,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [number, type] = reader.tag();
    const field = type === WireType.LengthDelimited ? fields[number] : undefined;
    if (field === undefined) reader.skip(type, number);
    else if (typeof field === 'object') collect(reader.bytes(), field, onDigest);
    else onDigest(field, reader.bytes());
  }
}
