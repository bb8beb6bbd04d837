import type { BlobStore } from '../core/blob-store.ts';
import { newChunker, type OfferedFunction } from '../core/chunking-function.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestOf, digestText } from '../core/digest.ts';
import { hashOf, newHasher } from './hashing.ts';

/**
 * Cuts a blob and stores each chunk as a blob of its own. Of the blob only what is not yet cut is in memory: a
 * chunk, or what the chunking function looks ahead. Should the blob turn out damaged, it rejects, and what was
 * stored are blobs like others: what is said of a blob for good rests on no look at it but this one.
 */
export async function storeChunks(
  blobs: BlobStore,
  blob: Digest,
  chunkingFunction: OfferedFunction,
  signal: AbortSignal | undefined,
): Promise<Digest[]> {
  const chunker = newChunker(chunkingFunction, blob.sizeBytes);
  const uncut = new PendingBytes();
  const chunks: Digest[] = [];
  const hasher = await newHasher(blob.digestFunction);
  for await (const piece of await blobs.read(blob, 0, blob.sizeBytes)) {
    signal?.throwIfAborted();
    hasher.update(piece);
    uncut.add(piece);
    for (const length of chunker.next(piece)) {
      const bytes = uncut.take(length);
      const chunk = digestOf(hashOf(blob.digestFunction, bytes), length, blob.digestFunction);
      await blobs.put(chunk, bytes);
      chunks.push(chunk);
    }
  }
  if (hasher.digest('hex') === blob.hash) return chunks;
  throw new CacheError('not-found', `the blob ${digestText(blob)} is damaged here; upload it again`);
}

/** Bytes that came in pieces and go in others. */
class PendingBytes {
  #pieces: Uint8Array[] = [];

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  /** The oldest so many bytes, which must be there. */
  take(length: number): Uint8Array {
    const taken: Uint8Array[] = [];
    let wanted = length;
    let whole = 0;
    for (const piece of this.#pieces) {
      const part = piece.subarray(0, wanted);
      taken.push(part);
      wanted -= part.length;
      if (part.length < piece.length) break;
      whole++;
    }
    const rest = this.#pieces[whole]?.subarray(taken[whole]?.length ?? 0);
    this.#pieces = [...(rest === undefined ? [] : [rest]), ...this.#pieces.slice(whole + 1)];
    return Buffer.concat(taken);
  }
}
