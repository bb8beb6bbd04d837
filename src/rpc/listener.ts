import { setDefaultHighWaterMark } from 'node:stream';
import type { ServerCredentials } from '@grpc/grpc-js';
import { createServer, type Server } from 'nice-grpc';
import { prometheusServerMiddleware } from 'nice-grpc-prometheus';
import { HealthDefinition, HealthServiceImpl, type HealthState } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import type { AccessRules } from '../core/access.ts';
import { cannotListen } from '../core/listen-error.ts';
import type { ActionCache } from '../core/action-cache.ts';
import type { AssetStore } from '../core/asset-store.ts';
import type { BlobStore } from '../core/blob-store.ts';
import type { ChunkStore } from '../core/chunk-store.ts';
import type { Downloader } from '../core/downloader.ts';
import type { Logger, Observer, Role } from '../core/observer.ts';
import type { ReferenceStore } from '../core/reference-store.ts';
import type { TreeStore } from '../core/tree-store.ts';
import { FetchDefinition, PushDefinition } from '../gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  ActionCacheDefinition,
  CapabilitiesDefinition,
  ContentAddressableStorageDefinition,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReferenceStorageDefinition } from '../gen/buildstream/v2/buildstream.ts';
import { descriptorSet } from '../gen/descriptor-set.ts';
import { ByteStreamDefinition } from '../gen/google/bytestream/bytestream.ts';
import { actionCacheService } from './action-cache.ts';
import { byteStreamService } from './byte-stream.ts';
import type { CallBounds } from './call-bounds.ts';
import { callMiddleware } from './call-middleware.ts';
import { callerMiddleware } from './caller.ts';
import { capabilitiesService } from './capabilities.ts';
import { boundConnections } from './connection-bounds.ts';
import { contentAddressableStorageService } from './content-addressable-storage.ts';
import { drainMiddleware } from './drain-middleware.ts';
import { errorMiddleware } from './error-middleware.ts';
import { fetchedAssets } from './fetched-assets.ts';
import { actionCacheFields, withFewFields } from './few-fields.ts';
import { withHttp2Servers } from './http2-servers.ts';
import { maxMessageBytes, maxStreamsPerConnection, waitingMessages } from './limits.ts';
import { plainMessagesOnly } from './plain-messages.ts';
import { withReadInPlace } from './read-response.ts';
import { referenceStorageService } from './reference-storage.ts';
import { remoteAssetFetchService, remoteAssetPushService } from './remote-asset.ts';
import { roleMiddleware } from './role-middleware.ts';
import { listenInPlace, unixPrefix } from './socket-file.ts';
import { storageMiddleware } from './storage-middleware.ts';

/** Where a listener listens and what may be done there. */
export interface ListenerOptions {
  readonly role: Role;
  /** `host:port`, `[ipv6]:port` or `unix:/absolute/path`. */
  readonly address: string;
  /** Set when the identity headers come from our own TLS, in front of us or in this process. */
  readonly identified: boolean;
  /** Who is let in. */
  readonly access: AccessRules;
  /** Set to terminate TLS here. */
  readonly credentials?: ServerCredentials;
  readonly pushHint: string;
  readonly reflection: boolean;
  /** How long a connection may take to begin with HTTP/2. Milliseconds. */
  readonly handshakeMs: number;
  /** How long a connection without calls stays. Milliseconds. */
  readonly connectionIdleMs: number;
}

/** What the services stand on. */
export interface ListenerParts {
  readonly blobs: BlobStore;
  readonly references: ReferenceStore;
  readonly assets: AssetStore;
  readonly trees: TreeStore;
  readonly chunks: ChunkStore;
  readonly actions: ActionCache;
  /** Set where only names are kept: what needs blobs is not offered then. */
  readonly indexOnly: boolean;
  /** Gets content from elsewhere, where the settings allow it; undefined where nothing is fetched. */
  readonly downloader: Downloader | undefined;
  readonly health: HealthState;
  readonly bounds: CallBounds;
  readonly observer: Observer;
  readonly logger: Logger;
}

/** An open listener. */
export interface Listener {
  readonly role: Role;
  /** The port it got, when `address` asked for port 0; meaningless on a socket. */
  readonly port: number;
  /** Takes no new calls; resolves when those under way have ended. */
  drain(): Promise<void>;
  /** Ends what is still under way. */
  cut(): void;
}

/** Opens a listener. Rejects with the reason when the address cannot be had. */
export async function openListener(options: ListenerOptions, parts: ListenerParts): Promise<Listener> {
  const draining = new AbortController();
  const server = serverWithServices(options, parts, draining.signal);
  const isSocket = options.address.startsWith(unixPrefix);
  const port = await listenInPlace(options.address, async (address) => {
    const listen = () => server.listen(address, options.credentials);
    return await withHttp2Servers(listen, (http2Server) => {
      boundConnections(http2Server, {
        handshakeMs: options.handshakeMs,
        onCut: (cut) => parts.observer.cut(cut),
      });
      parts.bounds.bind(http2Server, isSocket);
    }).catch((error: unknown) => {
      throw cannotListen(options.role, options.address, error);
    });
  });
  return {
    role: options.role,
    port,
    drain() {
      draining.abort();
      return server.shutdown();
    },
    cut: () => server.forceShutdown(),
  };
}

/** A peer that does not answer a ping for so long is dead. */
const pingPatienceMs = 20_000;
const pingEveryMs = 120_000;
/** A proxy keeps connections to us for ten minutes, and should be the one that ends them. It takes a ping for a reason to. */
const proxyIdleMs = 660_000;

function connectionOptions({ address, connectionIdleMs }: ListenerOptions) {
  if (address.startsWith(unixPrefix))
    return { 'grpc.max_connection_idle_ms': Math.max(connectionIdleMs, proxyIdleMs) };
  return {
    'grpc.max_connection_idle_ms': connectionIdleMs,
    'grpc.keepalive_time_ms': pingEveryMs,
    'grpc.keepalive_timeout_ms': pingPatienceMs,
  };
}

function serverWithServices(options: ListenerOptions, parts: ListenerParts, draining: AbortSignal): Server {
  // grpc-js has no setting for it, and makes an object-mode stream of its own for each call.
  setDefaultHighWaterMark(true, waitingMessages);
  const { blobs, references, assets, actions, trees, chunks, downloader, observer, logger } = parts;
  const server = createServer({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    ...connectionOptions(options),
    interceptors: [plainMessagesOnly],
  })
    // Outermost first: each sees what those behind it made of the call.
    .use(prometheusServerMiddleware())
    .use(callerMiddleware(options.role, options.identified, options.access, parts.bounds))
    .use(callMiddleware(logger, observer))
    .use(errorMiddleware(logger))
    .use(roleMiddleware(options.pushHint))
    .use(storageMiddleware(parts.indexOnly))
    .use(drainMiddleware(draining));
  server.add(withFewFields(withReadInPlace(ByteStreamDefinition)), byteStreamService(blobs, observer));
  server.add(
    withFewFields(ContentAddressableStorageDefinition),
    contentAddressableStorageService(blobs, trees, chunks, observer),
  );
  server.add(
    withFewFields(ActionCacheDefinition, actionCacheFields),
    actionCacheService(actions, blobs, observer),
  );
  server.add(withFewFields(CapabilitiesDefinition), capabilitiesService(parts.indexOnly));
  server.add(withFewFields(ReferenceStorageDefinition), referenceStorageService(references, observer));
  server.add(
    withFewFields(FetchDefinition),
    remoteAssetFetchService(assets, fetchedAssets(assets, downloader), observer),
  );
  server.add(withFewFields(PushDefinition), remoteAssetPushService(assets, observer));
  server.add(HealthDefinition, HealthServiceImpl(parts.health));
  if (options.reflection) {
    const names = [
      ActionCacheDefinition,
      ByteStreamDefinition,
      ContentAddressableStorageDefinition,
      CapabilitiesDefinition,
      ReferenceStorageDefinition,
      FetchDefinition,
      PushDefinition,
    ];
    server.add(
      ServerReflectionService,
      ServerReflection(
        descriptorSet(),
        names.map(({ fullName }) => fullName),
      ),
    );
  }
  return server;
}
