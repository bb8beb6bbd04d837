import type { ChunkingFunction } from './chunking-function.ts';
import type { Digest } from './digest.ts';

/** A blob as chunks: their bytes, one after the other, are the blob's. */
export interface Chunking {
  readonly chunkingFunction: ChunkingFunction;
  /** Blobs of the same digest function as the whole. */
  readonly chunks: readonly Digest[];
}

/** Most chunks of one blob: their digests fit into a message of 4 MiB, by the longest hashes too. */
export const maxChunks = 30_000;

/**
 * Blobs as chunks. What it answers holds: the chunks are the blob, and the blob and all of them are here
 * and leased when a promise resolves.
 */
export interface ChunkStore {
  /**
   * The blob as this function cuts it, for 'unknown' as any does, if that is stored. Stores nothing.
   * Rejects with 'not-found' when the blob is not here, or no such chunking is stored and whole.
   */
  find(blob: Digest, chunkingFunction: ChunkingFunction, signal?: AbortSignal): Promise<Chunking>;

  /**
   * The blob cut by this function; for 'unknown' by whichever is stored or preferred. Unless that is stored,
   * reads the blob and stores its chunks. Rejects with 'not-found' when the blob is not here, is damaged
   * or is too large to be cut, and with 'resource-exhausted' for want of room.
   */
  split(blob: Digest, chunkingFunction: ChunkingFunction, signal?: AbortSignal): Promise<Chunking>;

  /**
   * Makes the blob of its chunks, unless it is here, and stores the chunking once the bytes of the chunks are known
   * to give the blob: as one by this function if the cuts are where it puts them, else as 'unknown'.
   * Rejects with 'not-found' for a missing chunk, 'invalid-argument' when the chunks are another blob, and
   * 'resource-exhausted' for want of room; then nothing is stored.
   */
  splice(blob: Digest, chunking: Chunking, signal?: AbortSignal): Promise<void>;
}
