import type { AssetName, AssetNames } from '../core/asset-name.ts';
import { parseQualifiers } from '../core/asset-name.ts';
import type { AssetStore, FoundAsset, WantedAsset } from '../core/asset-store.ts';
import type { Downloader } from '../core/downloader.ts';
import { type WantedDownload, wantedDownload } from '../core/wanted-download.ts';
import type { FetchBlobRequest } from '../gen/build/bazel/remote/asset/v1/remote_asset.ts';

/** An asset by one of its names. */
export interface NamedAsset {
  readonly name: AssetName;
  readonly found: FoundAsset;
}

/** Finds blobs whose asset is not here under the very qualifiers of the request, or gets them from elsewhere. */
export type AssetFetcher = (
  request: FetchBlobRequest,
  names: AssetNames,
  wanted: WantedAsset,
  mayStore: boolean,
  signal: AbortSignal,
) => Promise<NamedAsset | undefined>;

/** Undefined as an answer means that this is nothing to be fetched. Rejects as Downloader does. */
export function assetFetcher(assets: AssetStore, downloader: Downloader): AssetFetcher {
  return async (request, names, wanted, mayStore, signal) => {
    const download = wantedDownload(request.uris, request.qualifiers);
    if (download === undefined) return undefined;
    const known = withoutHeaders(names, download);
    for (const name of download.sharable ? known : []) {
      const found = await assets.fetch(name, wanted, signal);
      if (found !== undefined) return { name, found };
    }
    if (!mayStore) return undefined;
    const { uri, digest } = await downloader.download(
      {
        sources: download.sources,
        checksums: download.checksums,
        digestFunction: wanted.digestFunction ?? 'sha256',
        timeoutMs: milliseconds(request),
      },
      signal,
    );
    const [first] = known;
    const name = known.find((candidate) => candidate.uri === uri) ?? first;
    if (download.sharable) {
      // Without a checksum only the client says that the other URIs mean the same content.
      const proven: AssetNames = download.checksums.length > 0 ? known : [name];
      const asset = { digest, referencesBlobs: [], referencesDirectories: [], expireAt: undefined };
      await assets.push(proven, asset, signal);
    }
    return { name, found: { digest, expiresAt: undefined } };
  };
}

/** Headers are credentials: they name nothing and are not written down. */
function withoutHeaders([first, ...others]: AssetNames, { qualifiers }: WantedDownload): AssetNames {
  const kept = parseQualifiers(qualifiers);
  const named = (name: AssetName) => ({ ...name, qualifiers: kept });
  return [named(first), ...others.map(named)];
}

/** No time and none at all are the same to a client that leaves the field out. */
function milliseconds({ timeout }: FetchBlobRequest): number | undefined {
  const asked = timeout === undefined ? 0 : Number(timeout.seconds) * 1000 + timeout.nanos / 1e6;
  return asked > 0 ? asked : undefined;
}
