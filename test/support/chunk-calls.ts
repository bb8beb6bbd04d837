import { createHash } from 'node:crypto';
import { blake3 } from 'hash-wasm';
import {
  type ChunkingFunction_Value,
  type Digest,
  DigestFunction_Value,
  type SpliceBlobResponse,
  type SplitBlobResponse,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type Clients, read } from './wire.ts';

/** What most calls leave out. */
interface Extras {
  instanceName?: string;
  digestFunction?: DigestFunction_Value;
}

/** SplitBlob. */
export async function split(
  clients: Clients,
  blobDigest: Digest | undefined,
  chunkingFunction: ChunkingFunction_Value = 0,
  extras: Extras = {},
  signal?: AbortSignal,
): Promise<SplitBlobResponse> {
  const request = { instanceName: '', digestFunction: 0 as const, ...extras, blobDigest, chunkingFunction };
  return await clients.cas.splitBlob(request, signal === undefined ? {} : { signal });
}

/** SpliceBlob. */
export async function splice(
  clients: Clients,
  blobDigest: Digest | undefined,
  chunkDigests: Digest[],
  { chunking = 0, ...extras }: Extras & { chunking?: ChunkingFunction_Value } = {},
): Promise<SpliceBlobResponse> {
  const common = { instanceName: '', digestFunction: 0 as const, ...extras };
  return await clients.cas.spliceBlob({ ...common, blobDigest, chunkDigests, chunkingFunction: chunking });
}

/** Digest functions by the names that resource names have. */
export type Hashing = 'sha1' | 'sha384' | 'sha512' | 'blake3';

export async function digestBy(
  hashing: Hashing,
  data: Uint8Array,
): Promise<[digest: Digest, digestFunction: DigestFunction_Value]> {
  const hash = hashing === 'blake3' ? await blake3(data) : createHash(hashing).update(data).digest('hex');
  const value = DigestFunction_Value[hashing.toUpperCase() as 'SHA1'];
  return [{ hash, sizeBytes: BigInt(data.length) }, value];
}

/** The bytes of these blobs, one after the other. */
export async function bytesBy(
  clients: Clients,
  hashing: Hashing,
  digests: readonly Digest[],
): Promise<Buffer> {
  const data: Buffer[] = [];
  for (const { hash, sizeBytes } of digests) {
    data.push(await read(clients, `blobs/${hashing === 'blake3' ? 'blake3/' : ''}${hash}/${sizeBytes}`));
  }
  return Buffer.concat(data);
}
