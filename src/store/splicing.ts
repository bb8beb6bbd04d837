import { randomUUID } from 'node:crypto';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Chunking } from '../core/chunk-store.ts';
import { type ChunkingFunction, newChunker } from '../core/chunking-function.ts';
import { type Digest, digestText } from '../core/digest.ts';
import { newHasher } from './hashing.ts';
import { mismatchOf } from './integrity.ts';

/** Takes the bytes of a blob. Exactly one of finish() and leave() ends it. */
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  /** Rejects with 'digest-mismatch' when the bytes were not the blob's. */
  finish(): Promise<void>;
  leave(): Promise<unknown>;
}

/**
 * Reads the chunks one after the other and checks that they give the blob, which is stored on the way
 * when `store` says so. Resolves with the function that puts the cuts where they are: the claimed one, or 'unknown'.
 */
export async function concatenate(
  blobs: BlobStore,
  blob: Digest,
  claimed: Chunking,
  store: boolean,
  signal: AbortSignal | undefined,
): Promise<ChunkingFunction> {
  const sink = store ? await storingSink(blobs, blob) : await checkingSink(blob);
  const cuts = new ClaimedCuts(blob, claimed);
  try {
    for (const chunk of claimed.chunks) {
      for await (const piece of await blobs.read(chunk, 0, chunk.sizeBytes)) {
        signal?.throwIfAborted();
        cuts.follow(piece);
        await sink.write(piece);
      }
    }
  } catch (error) {
    await sink.leave();
    throw error;
  }
  try {
    await sink.finish();
  } catch (error) {
    if (!(error instanceof CacheError) || error.kind !== 'digest-mismatch') throw error;
    throw new CacheError(
      'invalid-argument',
      `the chunks, one after the other, are not the blob ${digestText(blob)}: ${error.message}`,
      { cause: error },
    );
  }
  return cuts.chunkingFunction();
}

async function storingSink(blobs: BlobStore, blob: Digest): Promise<Sink> {
  const upload = await blobs.openUpload(`splice/${randomUUID()}`, blob, 0);
  return {
    write: (bytes) => upload.write(bytes),
    finish: () => upload.finish(),
    leave: () => upload.leave(false),
  };
}

async function checkingSink(blob: Digest): Promise<Sink> {
  const hasher = await newHasher(blob.digestFunction);
  let received = 0;
  return {
    write(bytes) {
      hasher.update(bytes);
      received += bytes.length;
      return Promise.resolve();
    },
    finish() {
      const wrong = mismatchOf(blob, received, () => hasher.digest('hex'));
      return wrong === undefined ? Promise.resolve() : Promise.reject(wrong);
    },
    leave: () => Promise.resolve(),
  };
}

/** Whether the cuts are where the function that the client names puts them. */
class ClaimedCuts {
  readonly #claimed: Chunking;
  readonly #next: (piece: Uint8Array) => readonly number[];
  #seen = 0;
  #agrees = true;

  constructor(blob: Digest, claimed: Chunking) {
    this.#claimed = claimed;
    const { chunkingFunction } = claimed;
    if (chunkingFunction === 'unknown') {
      this.#next = () => [];
    } else {
      const chunker = newChunker(chunkingFunction, blob.sizeBytes);
      this.#next = (piece) => chunker.next(piece);
    }
  }

  follow(piece: Uint8Array): void {
    if (!this.#agrees) return;
    for (const length of this.#next(piece)) {
      if (this.#claimed.chunks[this.#seen]?.sizeBytes !== length) this.#agrees = false;
      this.#seen++;
    }
  }

  chunkingFunction(): ChunkingFunction {
    const { chunkingFunction, chunks } = this.#claimed;
    if (chunkingFunction === 'unknown') return 'unknown';
    return this.#agrees && this.#seen === chunks.length ? chunkingFunction : 'unknown';
  }
}
