import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { Durability, FoundBlob } from './durability.ts';
import { fileIdentity } from './integrity.ts';
import type { Leases } from './leases.ts';
import type { CheckedTree, Trees } from './trees.ts';

/** What a reference of any kind leads to, and must find here. */
export interface WideReach {
  readonly blobs: readonly Digest[];
  /** Roots of trees of Directory messages. */
  readonly directories: readonly Digest[];
  /** Tree messages. */
  readonly trees: readonly Digest[];
}

/** Checks what references lead to. Everything that is found is leased. */
export interface ReachChecker {
  isWhole(reach: WideReach, signal?: AbortSignal): Promise<boolean>;
  secure(reach: WideReach, what: string, signal?: AbortSignal): Promise<CheckedTree>;
}

export function reachChecker(
  _blobs: BlobStore,
  trees: Trees,
  durability: Durability,
  leases: Leases,
): ReachChecker {
  async function check(reach: WideReach, signal?: AbortSignal, onFound?: (blob: FoundBlob) => void) {
    const missing: Digest[] = [];
    let blobs = 0;
    let bytes = 0;
    const distinct = [...new Map(reach.blobs.map((digest) => [digestText(digest), digest])).values()];
    for (const [index, stats] of (await leases.touchAll(distinct, signal)).entries()) {
      const digest = distinct[index];
      if (digest === undefined) continue;
      if (stats === undefined) missing.push(digest);
      else {
        blobs++;
        bytes += digest.sizeBytes;
        onFound?.({ digest, identity: fileIdentity(stats) });
      }
    }
    for (const root of reach.directories) {
      const tree = await trees.check(root, signal, onFound);
      missing.push(...tree.missing);
      blobs += tree.blobs;
      bytes += tree.bytes;
    }
    return { missing: missing.slice(0, 32), blobs, bytes };
  }
  return {
    async isWhole(reach, signal) {
      try {
        return (await check(reach, signal)).missing.length === 0;
      } catch (error) {
        if (error instanceof CacheError && (error.kind === 'invalid-argument' || error.kind === 'not-found'))
          return false;
        throw error;
      }
    },
    async secure(reach, what, signal) {
      const toSync: FoundBlob[] = [];
      const checked = await check(reach, signal, (blob) => {
        if (!durability.isSynced(blob)) toSync.push(blob);
      });
      if (checked.missing.length > 0)
        throw new CacheError('failed-precondition', `${what} is not whole`, {
          missing: checked.missing.map(digestText),
        });
      await durability.sync(toSync);
      return checked;
    },
  };
}
