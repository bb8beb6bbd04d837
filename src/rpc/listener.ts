import type { AccessRules } from '../core/access.ts';
import type { ActionCache } from '../core/action-cache.ts';
import type { AssetStore } from '../core/asset-store.ts';
import type { BlobStore } from '../core/blob-store.ts';
import type { ChunkStore } from '../core/chunk-store.ts';
import type { Downloader } from '../core/downloader.ts';
import { cannotListen } from '../core/listen-error.ts';
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
import { ByteStreamDefinition } from '../gen/google/bytestream/bytestream.ts';
import { HealthDefinition } from '../gen/grpc/health/v1/health.ts';
import type { CallBounds } from '../grpc/call-bounds.ts';
import { grpcServer } from '../grpc/server.ts';
import { type Method, methodsOf } from '../grpc/service.ts';
import { unixPrefix } from '../grpc/socket-file.ts';
import type { ReloadableTls } from '../grpc/tls.ts';
import { actionCacheService } from './action-cache.ts';
import { byteStreamService } from './byte-stream.ts';
import { withBatchReadInOneGo } from './batch-read-response.ts';
import type { CallContext } from './call-context.ts';
import { callHooks } from './call-hooks.ts';
import { ownerOf } from './caller.ts';
import { capabilitiesService } from './capabilities.ts';
import { contentAddressableStorageService } from './content-addressable-storage.ts';
import { fetchedAssets } from './fetched-assets.ts';
import { actionCacheFields, withFewFields } from './few-fields.ts';
import { healthService } from './health.ts';
import { withReadInPlace } from './read-response.ts';
import { referenceStorageService } from './reference-storage.ts';
import { withFindMissingInOneGo } from './find-missing-response.ts';
import { withScannedDigests } from './scanned-digests.ts';
import { remoteAssetFetchService, remoteAssetPushService } from './remote-asset.ts';

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
  readonly tls?: ReloadableTls;
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
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal;
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

/** A proxy keeps connections to us for ten minutes, and should be the one that ends them. It takes a ping for a reason to. */
const proxyIdleMs = 660_000;

/** Gives `listen` the address to bind, and sees to it that it is the wanted one in the end; resolves with what `listen` does. */
export type InPlace = <T>(address: string, listen: (address: string) => Promise<T>) => Promise<T>;

/** Opens a listener. Rejects with the reason when the address cannot be had. */
export async function openListener(
  options: ListenerOptions,
  inPlace: InPlace,
  parts: ListenerParts,
): Promise<Listener> {
  const { address, role, tls, identified, access, pushHint, handshakeMs, connectionIdleMs } = options;
  const { bounds, observer, logger, indexOnly } = parts;
  const isSocket = address.startsWith(unixPrefix);
  const server = grpcServer({
    methods: await methodsServed(options.reflection, parts),
    hooks: callHooks({ listener: role, identified, tls, access }, { pushHint, indexOnly }, observer, logger),
    bounds,
    ownerOf: (stream) => ownerOf(stream, isSocket),
    tls,
    handshakeMs,
    idleMs: isSocket ? Math.max(connectionIdleMs, proxyIdleMs) : connectionIdleMs,
    pings: !isSocket,
    onCut: (cut) => observer.cut(cut),
  });
  const port = await inPlace(address, (own) => server.listen(own)).catch((error: unknown) => {
    throw cannotListen(role, address, error);
  });
  return { role, port, drain: () => server.drain(), cut: () => server.cut() };
}

async function methodsServed(reflection: boolean, parts: ListenerParts): Promise<Method<CallContext>[]> {
  const { blobs, references, assets, actions, trees, chunks, downloader, observer, indexOnly } = parts;
  const methods = [
    ...methodsOf(withFewFields(withReadInPlace(ByteStreamDefinition)), byteStreamService(blobs, observer)),
    ...methodsOf(
      withFewFields(
        withScannedDigests(withFindMissingInOneGo(withBatchReadInOneGo(ContentAddressableStorageDefinition))),
      ),
      contentAddressableStorageService(blobs, trees, chunks, observer),
    ),
    ...methodsOf(
      withFewFields(ActionCacheDefinition, actionCacheFields),
      actionCacheService(actions, blobs, observer),
    ),
    ...methodsOf(withFewFields(CapabilitiesDefinition), capabilitiesService(indexOnly)),
    ...methodsOf(withFewFields(ReferenceStorageDefinition), referenceStorageService(references, observer)),
    ...methodsOf(
      withFewFields(FetchDefinition),
      remoteAssetFetchService(assets, fetchedAssets(assets, downloader), observer),
    ),
    ...methodsOf(withFewFields(PushDefinition), remoteAssetPushService(assets, observer)),
    ...methodsOf(HealthDefinition, healthService(parts.stopping)),
  ];
  if (!reflection) return methods;
  const services = new Set(methods.map(({ service }) => service));
  services.delete(HealthDefinition.fullName);
  // What it loads is more than most servers need.
  const { reflectionMethods } = await import('./reflection.ts');
  return [...methods, ...reflectionMethods<CallContext>([...services])];
}
