import {
  type AssetKind,
  type AssetUri,
  type AssetName,
  type AssetNames,
  parseQualifiers,
  parseUris,
  type Qualifier,
} from '../core/asset-name.ts';
import type { Asset, AssetStore, FoundAsset, WantedAsset } from '../core/asset-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { digestText, parseDigest, quote, type UncheckedDigest } from '../core/digest.ts';
import { digestFunctionValue } from '../core/digest-function.ts';
import { parseInstant, timestampMessage } from '../core/instant.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayPush, nameOfAsset } from '../core/push-permissions.ts';
import type { FetchDefinition, PushDefinition } from '../gen/build/bazel/remote/asset/v1/remote_asset.ts';
import type { DigestFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Timestamp } from '../gen/google/protobuf/timestamp.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';
import type { Caller } from './caller.ts';
import { digestMessage } from './digest-message.ts';
import type { FetchedAssets } from './fetched-assets.ts';
import { type CheckedRequest, checkRequest } from './request-checks.ts';

/** BuildStream gives about ten; each is looked at whenever the asset is asked for. */
const maxReferences = 100_000;
/** A record for each URI has all of the references. */
const maxReferencesWritten = 200_000;

interface NamingRequest {
  readonly instanceName: string;
  readonly uris: readonly string[];
  readonly qualifiers: readonly Qualifier[];
  readonly digestFunction: DigestFunction_Value;
}

interface FetchRequest extends NamingRequest {
  readonly oldestContentAccepted: Timestamp | undefined;
}

interface PushRequest extends NamingRequest {
  readonly expireAt: Timestamp | undefined;
  readonly referencesBlobs: readonly UncheckedDigest[];
  readonly referencesDirectories: readonly UncheckedDigest[];
}

/**
 * build.bazel.remote.asset.v1.Fetch: what BuildStream 1.6 and 2 find their artifacts and sources by.
 * What is not found is the status of the call: BuildStream 1.6 does not read the one inside the answer.
 */
export function remoteAssetFetchService(
  assets: AssetStore,
  fetched: FetchedAssets,
  observer: Observer,
): Handlers<FetchDefinition, CallContext> {
  /** Undefined when none of the names has an asset that is of use. */
  async function fetch(kind: AssetKind, request: FetchRequest, caller: Caller, signal: AbortSignal) {
    const wanted = wantedAsset(request);
    for (const name of assetNames(kind, request)) {
      const found = await assets.fetch(name, wanted, signal);
      if (found === undefined) continue;
      observer.lookedUp('asset', caller.tool, 1, 0);
      return answer(name, found);
    }
    observer.lookedUp('asset', caller.tool, 0, 1);
    return undefined;
  }

  return {
    async fetchBlob(request, { caller, signal }) {
      const known = await fetch('blob', request, caller, signal);
      const got = known ? undefined : await fetched.fetch(request, wantedAsset(request), caller, signal);
      const { digest, ...rest } = known ?? (got ? answer(got.name, got.found) : absent('blob', request));
      return { ...rest, blobDigest: digest };
    },
    async fetchDirectory(request, { caller, signal }) {
      const known = await fetch('directory', request, caller, signal);
      const { digest, ...rest } = known ?? absent('directory', request);
      return { ...rest, rootDirectoryDigest: digest };
    },
  };
}

/** build.bazel.remote.asset.v1.Push. */
export function remoteAssetPushService(
  assets: AssetStore,
  observer: Observer,
): Handlers<PushDefinition, CallContext> {
  async function push(
    kind: AssetKind,
    request: PushRequest,
    digest: UncheckedDigest | undefined,
    caller: Caller,
    signal: AbortSignal,
  ) {
    const names = assetNames(kind, request);
    for (const { instanceName, uri } of names) expectMayPush(caller.scopes, instanceName, nameOfAsset(uri));
    const asset = assetOf(request, digest, checkRequest(request), names.length);
    const { blobs, bytes, missing } = await assets.push(names, asset, signal);
    observer.pushed({
      keys: names.map(({ uri }) => uri),
      root: digestText(asset.digest),
      blobs,
      bytes,
      missing,
      identity: caller.identity,
      request: caller.request(),
    });
    return {};
  }

  return {
    pushBlob: (request, { caller, signal }) => push('blob', request, request.blobDigest, caller, signal),
    pushDirectory: (request, { caller, signal }) =>
      push('directory', request, request.rootDirectoryDigest, caller, signal),
  };
}

/** BuildStream looks for this service by leaving out the URIs: that has to be what such a request is told. */
function assetNames(kind: AssetKind, request: NamingRequest): AssetNames {
  const [first, ...others] = parseUris(request.uris);
  const { instanceName } = checkRequest(request);
  const qualifiers = parseQualifiers(request.qualifiers);
  const named = (uri: AssetUri) => ({ instanceName, kind, uri, qualifiers });
  return [named(first), ...others.map(named)];
}

function assetOf(
  request: PushRequest,
  digest: UncheckedDigest | undefined,
  { digestFunction }: CheckedRequest,
  names: number,
): Asset {
  const { referencesBlobs, referencesDirectories } = request;
  const references = referencesBlobs.length + referencesDirectories.length;
  if (references > maxReferences || references * names > maxReferencesWritten) {
    throw new CacheError(
      'invalid-argument',
      `there are ${references} references for ${names} URIs; give at most ${maxReferences}, and ${maxReferencesWritten} for all URIs together`,
    );
  }
  return {
    digest: parseDigest(digest, digestFunction, 'digest of the asset'),
    referencesBlobs: referencesBlobs.map((each) => parseDigest(each, digestFunction, 'referenced blob')),
    referencesDirectories: referencesDirectories.map((each) =>
      parseDigest(each, digestFunction, 'referenced directory'),
    ),
    expireAt: parseInstant(request.expireAt, 'expire_at'),
  };
}

function answer({ uri, qualifiers }: AssetName, { digest, expiresAt }: FoundAsset) {
  return {
    status: undefined,
    uri,
    qualifiers: [...qualifiers],
    expiresAt: expiresAt === undefined ? undefined : timestampMessage(expiresAt),
    digest: digestMessage(digest),
    digestFunction: digestFunctionValue(digest.digestFunction),
  };
}

function wantedAsset(request: FetchRequest): WantedAsset {
  return {
    oldestContentAccepted: parseInstant(request.oldestContentAccepted, 'oldest_content_accepted'),
    digestFunction: checkRequest(request).digestFunction,
  };
}

function absent(kind: AssetKind, request: NamingRequest): never {
  const names = quotedUris(assetNames(kind, request));
  throw new CacheError('not-found', `the ${kind} ${names} is not here, or not whole`);
}

function quotedUris(names: AssetNames): string {
  const [first] = names;
  const others = names.length > 1 ? ` (and ${names.length - 1} other names)` : '';
  return `${quote(first.uri)}${others}`;
}
