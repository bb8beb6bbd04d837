import type { AssetName } from './asset-name.ts';
import type { Asset, AssetStore } from './asset-store.ts';
import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';
import type { Instant } from './instant.ts';
import { parseReferenceKey, type ReferenceKey } from './reference-key.ts';
import type { ReferenceStore } from './reference-store.ts';

/** How BuildStream 1.6 calls the reference of the key that follows, where a server has assets. */
const referenceUrn = 'urn:fdc:buildstream.build:2020:v1:';

/**
 * The same assets, but those that BuildStream 1.6 pushes are references: clients that know only one of the
 * two services see the same artifacts. `leasedUntil` says how long what is answered now stays.
 */
export function withReferenceAssets(
  assets: AssetStore,
  references: ReferenceStore,
  leasedUntil: () => Instant | undefined,
): AssetStore {
  return {
    async fetch(name, wanted, signal) {
      const key = referenceKeyOf(name);
      if (key === undefined) return await assets.fetch(name, wanted, signal);
      // A reference does not keep when it was pushed, so it is never known to be new enough.
      if (wanted.oldestContentAccepted !== undefined) return undefined;
      if ((wanted.digestFunction ?? 'sha256') !== 'sha256') return undefined;
      const digest = await references.get(name.instanceName, key, signal);
      return digest && { digest, expiresAt: leasedUntil() };
    },

    async push(names, asset, signal) {
      const keys: ReferenceKey[] = [];
      const others: AssetName[] = [];
      for (const name of names) {
        const key = referenceKeyOf(name);
        if (key === undefined) others.push(name);
        else keys.push(plainOnly(asset, key));
      }
      const [other, ...more] = others;
      if (keys.length === 0) return await assets.push(names, asset, signal);
      // A reference is taken only when it is whole. It goes first: when it is not, no name has changed.
      const summary = await references.update(names[0].instanceName, keys, asset.digest, signal);
      return other === undefined
        ? { ...summary, missing: [] }
        : await assets.push([other, ...more], asset, signal);
    },
  };
}

/** Undefined for an asset that is no reference. Throws 'invalid-argument' for a URN with an impossible key. */
function referenceKeyOf({ kind, uri, qualifiers }: AssetName): ReferenceKey | undefined {
  if (kind !== 'directory' || qualifiers.length > 0 || !uri.startsWith(referenceUrn)) return undefined;
  return parseReferenceKey(uri.slice(referenceUrn.length));
}

/** The key, when a reference can hold all that is pushed: a root and nothing beside it. */
function plainOnly(asset: Asset, key: ReferenceKey): ReferenceKey {
  const { digest, expireAt, referencesBlobs, referencesDirectories } = asset;
  const refused = (what: string) =>
    new CacheError(
      'invalid-argument',
      `${quote(referenceUrn + key)} is a reference of BuildStream 1, which has no ${what}; leave it out or use another URI`,
    );
  if (expireAt !== undefined) throw refused('expire_at');
  if (referencesBlobs.length + referencesDirectories.length > 0) throw refused('references to others');
  if (digest.digestFunction !== 'sha256') throw refused('digest function but SHA-256');
  return key;
}
