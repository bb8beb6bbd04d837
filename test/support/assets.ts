import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type {
  FetchBlobRequest,
  FetchBlobResponse,
  FetchDirectoryResponse,
  PushBlobRequest,
} from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Timestamp } from '../../src/gen/google/protobuf/timestamp.ts';
import { eventually } from './eventually.ts';
import type { Weir } from './weir.ts';
import type { Clients } from './wire.ts';

type Fields = Partial<Omit<PushBlobRequest, 'uris' | 'blobDigest'>>;
type Wanted = Partial<Omit<FetchBlobRequest, 'uris'>>;

/** A request to push in which everything but the URIs and the digest is left out unless it is given. */
export function pushRequest(uris: readonly string[], fields: Fields) {
  return {
    instanceName: '',
    qualifiers: [],
    expireAt: undefined,
    referencesBlobs: [],
    referencesDirectories: [],
    digestFunction: 0 as const,
    ...fields,
    uris: [...uris],
  };
}

/** The same for a request to fetch. */
export function fetchRequest(uris: readonly string[], fields: Wanted) {
  return {
    instanceName: '',
    timeout: undefined,
    oldestContentAccepted: undefined,
    qualifiers: [],
    digestFunction: 0 as const,
    ...fields,
    uris: [...uris],
  };
}

export async function pushBlob(
  { assetPush }: Clients,
  uris: readonly string[],
  digest: Digest,
  fields: Fields = {},
): Promise<void> {
  await assetPush.pushBlob({ ...pushRequest(uris, fields), blobDigest: digest });
}

export async function pushDirectory(
  { assetPush }: Clients,
  uris: readonly string[],
  digest: Digest,
  fields: Fields = {},
): Promise<void> {
  await assetPush.pushDirectory({ ...pushRequest(uris, fields), rootDirectoryDigest: digest });
}

export async function fetchBlob(
  { assetFetch }: Clients,
  uris: readonly string[],
  fields: Wanted = {},
): Promise<FetchBlobResponse> {
  return await assetFetch.fetchBlob(fetchRequest(uris, fields));
}

export async function fetchDirectory(
  { assetFetch }: Clients,
  uris: readonly string[],
  fields: Wanted = {},
): Promise<FetchDirectoryResponse> {
  return await assetFetch.fetchDirectory(fetchRequest(uris, fields));
}

/** The log line that has this text, once it has been written. */
export async function logged(weir: Weir, text: string): Promise<Record<string, unknown>> {
  const line = () =>
    weir
      .output()
      .split('\n')
      .slice(0, -1)
      .find((each) => each.includes(text));
  await eventually(() => line() !== undefined);
  return JSON.parse(line() ?? '') as Record<string, unknown>;
}

let names = 0;

/** A name that nobody has used. */
export function freshUri(): string {
  return `urn:fdc:buildstream.build:2020:artifact:project/element/${process.pid}-${names++}`;
}

/** A time so many seconds from now. */
export function secondsFromNow(seconds: number): Timestamp {
  return { seconds: BigInt(Math.floor(Date.now() / 1000) + seconds), nanos: 123_456_789 };
}

/** The file of an asset without qualifiers of the instance without a name. */
export function assetFile(volume: string, kind: 'blob' | 'directory', uri: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(['', kind, uri]))
    .digest('hex');
  return join(volume, 'weir', 'assets', '=', kind, hash.slice(0, 2), hash);
}
