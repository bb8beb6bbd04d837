import type { AssetKind, AssetName } from '../core/asset-name.ts';
import type { Asset, AssetStore, PushedAsset, WantedAsset } from '../core/asset-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import { quote } from '../core/digest.ts';
import { type Instant, instantOf } from '../core/instant.ts';
import { assetId, decodeAsset, encodeAsset, longestAssetRecord, type StoredAsset } from './asset-record.ts';
import type { Layout } from './layout.ts';
import type { ReachChecker, WideReach } from './reach.ts';
import type { Records } from './records.ts';
import type { Space } from './space.ts';
import { volumeError } from './volume-error.ts';

/** Like references, records are written on a full volume too; for more bytes than these there has to be room. */
const smallRecords = 64 * 1024;

/** What the assets of a volume stand on. */
export interface AssetParts {
  readonly layout: Layout;
  readonly records: Records;
  readonly reaches: ReachChecker;
  readonly space: Space;
  readonly clock: Clock;
  /** How long what is answered now stays; undefined where nobody here knows. */
  readonly leasedUntil: () => Instant | undefined;
}

/** Assets as sealed records: a serialised weir.v1.AssetRecord each. */
export function volumeAssetStore(parts: AssetParts): AssetStore {
  const { layout, records, reaches, space, clock, leasedUntil } = parts;

  const pathOf = (name: AssetName) => layout.asset(name.instanceName, name.kind, assetId(name));

  /** The asset as it is stored, when it can be an answer now: not expired, and whole and leased like its record. */
  async function live(
    name: AssetName,
    signal: AbortSignal | undefined,
    isWanted: (asset: StoredAsset) => boolean = () => true,
  ): Promise<StoredAsset | undefined> {
    const path = pathOf(name);
    try {
      const bytes = await records.readSealed(path, longestAssetRecord);
      const asset = bytes && decodeAsset(name, bytes);
      if (asset === undefined || hasExpired(asset) || !isWanted(asset)) return undefined;
      const isWhole = await reaches.isWhole(assetReach(name.kind, asset), signal);
      return isWhole && (await records.touch(path)) ? asset : undefined;
    } catch (error) {
      throw volumeError(error, 'reading an asset');
    }
  }

  function hasExpired({ expireAt }: StoredAsset): boolean {
    return expireAt !== undefined && expireAt <= instantOf(clock());
  }

  async function write(names: readonly AssetName[], asset: Asset): Promise<void> {
    const pushedAt = instantOf(clock());
    const written = names.map((name) => ({ path: pathOf(name), bytes: encodeAsset(name, asset, pushedAt) }));
    const total = written.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const counted = total > smallRecords;
    if (counted) await space.take(total, written.length);
    try {
      for (const { path, bytes } of written) await records.writeSealed(path, bytes);
    } catch (error) {
      throw await space.writeFailed(error, 'writing an asset');
    } finally {
      if (counted) space.settle(total);
    }
  }

  /** Those whose asset, if there is one, is of no use now. */
  async function withoutWhole(
    names: readonly AssetName[],
    signal: AbortSignal | undefined,
  ): Promise<AssetName[]> {
    const free: AssetName[] = [];
    for (const name of names) if ((await live(name, signal)) === undefined) free.push(name);
    return free;
  }

  async function secure(
    name: AssetName,
    asset: Asset,
    signal: AbortSignal | undefined,
  ): Promise<PushedAsset> {
    try {
      const what = `the ${name.kind} ${quote(name.uri)}`;
      const { blobs, bytes } = await reaches.secure(assetReach(name.kind, asset), what, signal);
      return { blobs, bytes, missing: [] };
    } catch (error) {
      if (!(error instanceof CacheError) || error.missing.length === 0) throw error;
      return { blobs: 0, bytes: 0, missing: error.missing };
    }
  }

  return {
    async fetch(name, wanted, signal) {
      const leased = leasedUntil();
      const asset = await live(name, signal, (candidate) => fits(candidate, wanted));
      return asset && { digest: asset.digest, expiresAt: asset.expireAt ?? leased };
    },

    async push(names, asset, signal) {
      const pushed = await secure(names[0], asset, signal);
      const isWhole = pushed.missing.length === 0;
      await write(isWhole ? names : await withoutWhole(names, signal), asset);
      return pushed;
    },
  };
}

/** What has to be here for an asset to be an answer. */
export function assetReach(kind: AssetKind, asset: Asset): WideReach {
  const { digest, referencesBlobs, referencesDirectories } = asset;
  return kind === 'blob'
    ? { blobs: [digest, ...referencesBlobs], directories: referencesDirectories, trees: [] }
    : { blobs: referencesBlobs, directories: [digest, ...referencesDirectories], trees: [] };
}

function fits({ pushedAt, digest }: StoredAsset, wanted: WantedAsset): boolean {
  const { oldestContentAccepted, digestFunction } = wanted;
  if (oldestContentAccepted !== undefined && pushedAt < oldestContentAccepted) return false;
  // BLAKE3 has hashes of SHA-256's length: who does not name it cannot know that it is meant.
  return digestFunction === undefined
    ? digest.digestFunction !== 'blake3'
    : digest.digestFunction === digestFunction;
}
