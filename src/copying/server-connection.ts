import { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { createClient, Metadata } from 'nice-grpc';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, quote } from '../core/digest.ts';
import { digestFunctionValue } from '../core/digest-function.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { requestMetadataHeader } from '../core/tool.ts';
import { FetchDefinition, PushDefinition } from '../gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  ActionCacheDefinition,
  CapabilitiesDefinition,
  ContentAddressableStorageDefinition,
  type Digest as DigestMessage,
  DigestFunction_Value,
  RequestMetadata,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReferenceStorageDefinition } from '../gen/buildstream/v2/buildstream.ts';
import { ByteStreamDefinition } from '../gen/google/bytestream/bytestream.ts';
import { type RetryRules, withRetries } from './bounded-retries.ts';
import { wireError } from './wire-error.ts';

/** How to reach a server. */
export interface ServerOptions {
  /** `http://host:port`, `https://host:port` (also grpc and grpcs), or `unix:path`. */
  readonly url: string;
  /** PEM; the server's own certificate, or that of who signed it. Undefined: those that every Node knows. */
  readonly serverCertificate: Buffer | undefined;
  readonly client: { readonly key: Buffer; readonly certificate: Buffer } | undefined;
  /** Sent with each call. */
  readonly token: string | undefined;
  readonly retries: RetryRules;
}

/** A server and what it takes. */
export interface ServerConnection {
  /** For messages. */
  readonly url: string;
  readonly clients: ReturnType<typeof clientsOf>;
  /** Most bytes of blobs in a batch. */
  readonly batchBytes: number;
  readonly retries: RetryRules;
  /** Makes a call with retries; rejects with a CacheError that says who answered what. */
  call<T>(signal: AbortSignal, make: (attempt: number) => Promise<T>): Promise<T>;
  close(): void;
}

/** A batch is in memory several times over, at this end and at the others: no more, whatever a server offers. */
const mostBatchBytes = 1024 * 1024;
const usualPort = 11001;
/** Beyond what servers send in one message. */
const mostMessageBytes = 32 * 1024 * 1024;
/** What may be on its way to us unread, for each stream: with the 64 KiB of HTTP/2 a distant server would send 3 MB/s. */
const windowBytes = 2 * 1024 * 1024;
/** A connection that was lost without a word is noticed so. Servers of gRPC's C core refuse those who ask more often than in five minutes. */
const keepaliveMs = 310_000;

/** So that the metrics of both ends tell a copy from builds. */
const whoCalls = RequestMetadata.encode({
  toolDetails: { toolName: 'weir', toolVersion: '' },
  actionId: '',
  toolInvocationId: '',
  correlatedInvocationsId: '',
  actionMnemonic: '',
  targetId: '',
  configurationId: '',
}).finish();

const schemes: Readonly<Record<string, { readonly tls: boolean }>> = {
  'http:': { tls: false },
  'https:': { tls: true },
  'grpc:': { tls: false },
  'grpcs:': { tls: true },
};

/** Whether a command's argument is a server's address. Throws 'invalid-argument' for an address of another kind. */
export function isServerUrl(text: string): boolean {
  if (text.startsWith('unix:')) return true;
  const scheme = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return false;
  if (schemes[scheme] !== undefined && URL.canParse(text)) return true;
  throw new CacheError(
    'invalid-argument',
    `${quote(text)} is no address of a server: use http://host:port or https://host:port`,
  );
}

/** Resolves when the server has said what it takes. Rejects with 'unavailable' when it does not answer. */
export async function connectTo(options: ServerOptions, signal: AbortSignal): Promise<ServerConnection> {
  const { url, retries } = options;
  const { address, tls } = addressOf(url);
  const channel = new Channel(address, credentialsOf(options, tls), {
    'grpc.max_receive_message_length': mostMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc-node.flow_control_window': windowBytes,
  });
  const clients = clientsOf(channel, options.token);
  const call: ServerConnection['call'] = (callSignal, make) =>
    withRetries(retries, callSignal, async (attempt) => {
      try {
        return await make(attempt);
      } catch (error) {
        throw wireError(error, url);
      }
    });
  try {
    const batchBytes = await call(signal, async () => {
      const request = { instanceName: '' };
      const { cacheCapabilities } = await clients.capabilities.getCapabilities(request, { signal });
      return Number(cacheCapabilities?.maxBatchTotalSizeBytes ?? 0n);
    }).catch((error: unknown) => {
      // An old server, which has the one limit that gRPC has; or a name that only the instances of names have.
      const says = error instanceof CacheError ? error.kind : undefined;
      if (says === 'unimplemented' || says === 'invalid-argument' || says === 'not-found') return 0;
      throw error;
    });
    return {
      url,
      clients,
      batchBytes: Math.min(batchBytes > 0 ? batchBytes : mostBatchBytes, mostBatchBytes),
      retries,
      call,
      close: () => channel.close(),
    };
  } catch (error) {
    channel.close();
    throw error;
  }
}

function clientsOf(channel: Channel, token: string | undefined) {
  const metadata = Metadata({
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    [requestMetadataHeader]: whoCalls,
  });
  const options = { '*': { metadata } };
  return {
    cas: createClient(ContentAddressableStorageDefinition, channel, options),
    actions: createClient(ActionCacheDefinition, channel, options),
    bytes: createClient(ByteStreamDefinition, channel, options),
    capabilities: createClient(CapabilitiesDefinition, channel, options),
    references: createClient(ReferenceStorageDefinition, channel, options),
    assetFetch: createClient(FetchDefinition, channel, options),
    assetPush: createClient(PushDefinition, channel, options),
  };
}

function addressOf(url: string): { address: string; tls: boolean } {
  if (url.startsWith('unix:')) return { address: url, tls: false };
  const { protocol, hostname, port } = new URL(url);
  return {
    address: `${hostname}:${port === '' ? usualPort : port}`,
    tls: schemes[protocol]?.tls === true,
  };
}

function credentialsOf(
  { serverCertificate, client, token, url }: ServerOptions,
  tls: boolean,
): ChannelCredentials {
  if (tls) {
    try {
      return ChannelCredentials.createSsl(serverCertificate, client?.key, client?.certificate);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CacheError('invalid-argument', `the certificates for ${url} cannot be used: ${reason}`, {
        cause: error,
      });
    }
  }
  const what = serverCertificate !== undefined || client !== undefined ? 'a certificate' : undefined;
  if (what !== undefined)
    throw new CacheError('invalid-argument', `${url} is no https address: ${what} is of no use there`);
  if (token !== undefined && !url.startsWith('unix:') && !isLoopback(url))
    throw new CacheError(
      'invalid-argument',
      `${url} is no https address: anybody on the way could read the access token`,
    );
  return ChannelCredentials.createInsecure();
}

function isLoopback(url: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

/** As messages have it. */
export function digestMessage({ hash, sizeBytes }: Digest): DigestMessage {
  return { hash, sizeBytes: BigInt(sizeBytes) };
}

/** What a request says of its digests: BLAKE3 has to be named, all others are told by the length of their hashes. */
export function digestFunctionOf({ digestFunction }: Pick<Digest, 'digestFunction'>): DigestFunction_Value {
  return digestFunction === 'blake3' ? digestFunctionValue('blake3') : DigestFunction_Value.UNKNOWN;
}

/** A resource name's part before the blob. */
export function instancePrefix(instanceName: InstanceName): string {
  return instanceName === '' ? '' : `${instanceName}/`;
}

/** The digests of each function by themselves: a request has those of one. */
export function byFunction<T>(items: readonly T[], digestOf: (item: T) => Digest): readonly T[][] {
  const groups = Map.groupBy(items, (item) => digestOf(item).digestFunction);
  return [...groups.values()];
}
