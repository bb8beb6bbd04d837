import { type Digest, digestText } from '../core/digest.ts';

/** Digests that a walk has come to. */
export interface SeenDigests {
  readonly size: number;
  /** False for one that is among them already. The same hash with another size is another digest. */
  add(digest: Digest): boolean;
}

export function seenDigests(): SeenDigests {
  /** By hash, which is there already: a text for each digest would be as much memory again. */
  const sizes = new Map<string, number>();
  /** What nobody's blobs are, but somebody may ask for: other sizes of the same hashes. */
  const others = new Set<string>();
  return {
    get size() {
      return sizes.size + others.size;
    },
    add(digest) {
      const { digestFunction, hash, sizeBytes } = digest;
      const key = digestFunction === 'blake3' ? `blake3/${hash}` : hash;
      const size = sizes.get(key);
      if (size === sizeBytes) return false;
      if (size === undefined) sizes.set(key, sizeBytes);
      else {
        const text = digestText(digest);
        if (others.has(text)) return false;
        others.add(text);
      }
      return true;
    },
  };
}
