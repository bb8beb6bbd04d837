import { type AssetName, parseQualifiers, parseUris } from '../core/asset-name.ts';
import type { AssetStore, FoundAsset, WantedAsset } from '../core/asset-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Downloader } from '../core/downloader.ts';
import { mayPush } from '../core/push-permissions.ts';
import { type WantedDownload, wantedDownload } from '../core/wanted-download.ts';
import type { FetchBlobRequest } from '../gen/build/bazel/remote/asset/v1/remote_asset.ts';
import type { Duration } from '../gen/google/protobuf/duration.ts';
import type { Caller } from './caller.ts';
import { checkRequest } from './request-checks.ts';

/** A blob with the name that it is known by here. */
export interface NamedAsset {
  readonly name: AssetName;
  readonly found: FoundAsset;
}

/** Blobs that this server has got from elsewhere, or gets now. */
export interface FetchedAssets {
  /**
   * Undefined where nothing is to be fetched: the settings allow nothing, no URI is a web address, or the caller
   * may not push assets, since fetching stores one. Rejects as a Downloader does.
   */
  fetch(
    request: FetchBlobRequest,
    wanted: WantedAsset,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<NamedAsset | undefined>;
}

/** What is fetched becomes an asset under the URI that it came from, so that the next one finds it without asking. */
export function fetchedAssets(assets: AssetStore, downloader: Downloader | undefined): FetchedAssets {
  /** Headers are no part of a name: what they have opened once is looked for without them. */
  async function known(
    request: FetchBlobRequest,
    download: WantedDownload,
    wanted: WantedAsset,
    signal: AbortSignal,
  ): Promise<NamedAsset | undefined> {
    if (download.qualifiers.length === request.qualifiers.length || !download.sharable) return undefined;
    for (const { uri } of download.sources) {
      const name = nameOf(request, uri, download);
      const found = await assets.fetch(name, wanted, signal);
      if (found !== undefined) return { name, found };
    }
    return undefined;
  }

  return {
    async fetch(request, wanted, caller, signal) {
      const download = downloader && wantedDownload(request.uris, request.qualifiers);
      if (downloader === undefined || download === undefined) return undefined;
      const here = await known(request, download, wanted, signal);
      if (here !== undefined || !mayStore(request, caller)) return here;
      const { uri, digest } = await downloader.download(
        {
          sources: download.sources,
          checksums: download.checksums,
          digestFunction: wanted.digestFunction ?? 'sha256',
          timeoutMs: millisecondsOf(request.timeout),
        },
        signal,
      );
      const name = nameOf(request, uri, download);
      const asset = { digest, referencesBlobs: [], referencesDirectories: [], expireAt: undefined };
      const nameless = { name, found: { digest, expiresAt: undefined } };
      if (!download.sharable) return nameless;
      await assets.push([name], asset, signal);
      return { name, found: (await assets.fetch(name, wanted, signal)) ?? nameless.found };
    },
  };
}

function mayStore(request: FetchBlobRequest, { role, scopes }: Caller): boolean {
  return role === 'push' && mayPush(scopes, checkRequest(request).instanceName, '@assets');
}

function nameOf(request: FetchBlobRequest, uri: string, { qualifiers }: WantedDownload): AssetName {
  const { instanceName } = checkRequest(request);
  return { instanceName, kind: 'blob', uri: parseUris([uri])[0], qualifiers: parseQualifiers(qualifiers) };
}

/** Undefined where the request leaves it to the server. */
function millisecondsOf(timeout: Duration | undefined): number | undefined {
  if (timeout === undefined) return undefined;
  const milliseconds = Number(timeout.seconds) * 1000 + timeout.nanos / 1_000_000;
  if (milliseconds >= 0) return milliseconds === 0 ? undefined : milliseconds;
  throw new CacheError('invalid-argument', `the timeout is negative: ${timeout.seconds} seconds`);
}
