import type { AssetName, AssetNames } from './asset-name.ts';
import type { Digest } from './digest.ts';
import type { DigestFunction } from './digest-function.ts';
import type { Instant } from './instant.ts';
import type { TreeSummary } from './reference-store.ts';

/** Something to be found by its name later. */
export interface Asset {
  /** The blob, or the root of the directory. */
  readonly digest: Digest;
  /** What has to be here too for the asset to be of use: blobs, and whole trees by their roots. */
  readonly referencesBlobs: readonly Digest[];
  readonly referencesDirectories: readonly Digest[];
  /** From then on it is no answer any more; undefined for never. */
  readonly expireAt: Instant | undefined;
}

/** Which answers are of use to whoever asks. */
export interface WantedAsset {
  /** What was pushed before this is no answer. */
  readonly oldestContentAccepted: Instant | undefined;
  /** Undefined takes any function that the length of a hash tells. */
  readonly digestFunction: DigestFunction | undefined;
}

/** An asset that was found, with all that it reaches. */
export interface FoundAsset {
  readonly digest: Digest;
  /** When it stops being an answer; without such a time, how long it is leased. Undefined where neither is known. */
  readonly expiresAt: Instant | undefined;
}

/** What a pushed asset reaches, and what of that is not here yet. */
export interface PushedAsset extends TreeSummary {
  /** Empty when it is whole; else the first that are missing, as `<hash>/<size>`, and nothing is counted. */
  readonly missing: readonly string[];
}

/** Names for blobs and directories. Each instance has its own names; the blobs are shared by all. */
export interface AssetStore {
  /**
   * The asset of this name, only when it has not expired and all that it reaches is here; all of that and
   * the record itself are leased. Undefined otherwise: nothing is ever removed by asking.
   */
  fetch(name: AssetName, wanted: WantedAsset, signal?: AbortSignal): Promise<FoundAsset | undefined>;

  /**
   * Makes all names mean this asset. Resolves when what it reaches is leased and on disk, and then the
   * records: a power cut after that loses none of it. Where some of it is missing, `missing` says so: then
   * the names that have a whole asset keep that one, and the others are found once the rest has come. Names
   * are written one after the other: when that fails, some may have changed.
   */
  push(names: AssetNames, asset: Asset, signal?: AbortSignal): Promise<PushedAsset>;
}
