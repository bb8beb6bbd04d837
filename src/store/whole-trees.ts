import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { LeaseMemory } from './lease-memory.ts';

/** Which trees were found whole lately, and for how long nothing in them need be looked at again. */
export interface WholeTrees {
  isWhole(kind: TreeKind, root: Digest): boolean;
  /** `generation`: what generation() was when the look at the tree began. */
  remember(kind: TreeKind, root: Digest, restMs: number, generation: number): void;
  /** Grows whenever all is forgotten. */
  generation(): number;
}

/** A tree of Directory messages, or one Tree message. */
export type TreeKind = 'directory' | 'tree';

/** For those who look every time. */
export const noTrees: WholeTrees = { isWhole: () => false, remember: () => {}, generation: () => 0 };

/** Each is some 300 bytes. */
const remembered = 20_000;

export function wholeTrees(leases: Pick<LeaseMemory, 'generation'>, elapsed: Clock): WholeTrees {
  const trees = new LRUCache<string, { until: number; generation: number }>({ max: remembered });
  const key = (kind: TreeKind, root: Digest) => `${kind} ${digestText(root)}`;
  return {
    isWhole(kind, root) {
      const found = trees.get(key(kind, root));
      return found !== undefined && found.generation === leases.generation() && elapsed() < found.until;
    },
    remember(kind, root, restMs, generation) {
      if (restMs > 0) trees.set(key(kind, root), { until: elapsed() + restMs, generation });
    },
    generation: () => leases.generation(),
  };
}
