import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, type ClientMiddleware, createClientFactory, Metadata, Status } from 'nice-grpc';
import { FetchDefinition, PushDefinition } from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  ActionCacheDefinition,
  CapabilitiesDefinition,
  ContentAddressableStorageDefinition,
  type Digest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReferenceStorageDefinition } from '../../src/gen/buildstream/v2/buildstream.ts';
import { ByteStreamDefinition, type WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';

/** A blob with its digest, as a client holds it. */
export interface Blob {
  readonly digest: Digest;
  readonly data: Uint8Array;
}

export function blobOf(data: Uint8Array | string): Blob {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { digest: { hash, sizeBytes: BigInt(bytes.length) }, data: bytes };
}

export function randomBlob(size: number): Blob {
  return blobOf(randomBytes(size));
}

/** `blobs/<hash>/<size>`. */
export function downloadName({ digest }: Blob, instance = ''): string {
  return `${instance === '' ? '' : `${instance}/`}blobs/${digest.hash}/${digest.sizeBytes}`;
}

/** `uploads/<uuid>/blobs/<hash>/<size>`. */
export function uploadName({ digest }: Blob, instance = '', uuid: string = randomUUID()): string {
  return `${instance === '' ? '' : `${instance}/`}uploads/${uuid}/blobs/${digest.hash}/${digest.sizeBytes}`;
}

/** Clients of every service at one address. */
export type Clients = ReturnType<typeof clientsAt>;

/** `headers` go with every call, and every call goes through `middleware`. */
export function clientsAt(
  address: string,
  credentials = ChannelCredentials.createInsecure(),
  headers: Record<string, string | Uint8Array> = {},
  middleware: ClientMiddleware = (call, callOptions) => call.next(call.request, callOptions),
) {
  const options = { '*': { metadata: Metadata(headers) } };
  const channel = new Channel(address, credentials, {
    'grpc.max_receive_message_length': -1,
    // Each test its own connection: a broken one must not be shared.
    'grpc.use_local_subchannel_pool': 1,
  });
  const factory = createClientFactory().use(middleware);
  return {
    cas: factory.create(ContentAddressableStorageDefinition, channel, options),
    actions: factory.create(ActionCacheDefinition, channel, options),
    bytes: factory.create(ByteStreamDefinition, channel, options),
    capabilities: factory.create(CapabilitiesDefinition, channel, options),
    references: factory.create(ReferenceStorageDefinition, channel, options),
    assetFetch: factory.create(FetchDefinition, channel, options),
    assetPush: factory.create(PushDefinition, channel, options),
    channel,
    close: () => channel.close(),
  };
}

/** Uploads by ByteStream in chunks; resolves with the committed size. */
export async function write(
  clients: Clients,
  name: string,
  data: Uint8Array,
  chunk = 256 * 1024,
): Promise<bigint> {
  return (await clients.bytes.write(writeRequests(name, data, chunk))).committedSize;
}

export async function* writeRequests(
  name: string,
  data: Uint8Array,
  chunk = 256 * 1024,
): AsyncGenerator<WriteRequest> {
  for (let offset = 0; offset < data.length || offset === 0; offset += chunk) {
    const end = Math.min(data.length, offset + chunk);
    yield {
      resourceName: offset === 0 ? name : '',
      writeOffset: BigInt(offset),
      finishWrite: end === data.length,
      data: data.subarray(offset, end),
    };
  }
}

/** Downloads by ByteStream. */
export async function read(
  clients: Clients,
  resourceName: string,
  readOffset = 0n,
  readLimit = 0n,
): Promise<Buffer> {
  const chunks = [];
  for await (const { data } of clients.bytes.read({ resourceName, readOffset, readLimit })) chunks.push(data);
  return Buffer.concat(chunks);
}

export async function putBatch(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const { responses } = await clients.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 });
  for (const { status } of responses) if (status?.code) throw new Error(status.message);
}

export async function findMissing(clients: Clients, digests: Digest[], instanceName = ''): Promise<string[]> {
  const { missingBlobDigests } = await clients.cas.findMissingBlobs({
    instanceName,
    blobDigests: digests,
    digestFunction: 0,
  });
  return missingBlobDigests.map(({ hash }) => hash);
}

/** How a call failed: its status by name, and its message. Throws when it did not fail. */
export async function failure(call: Promise<unknown>): Promise<{ status: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ClientError) return { status: Status[error.code], message: error.details };
    throw error;
  }
  throw new Error('the call was expected to fail, but it succeeded');
}
