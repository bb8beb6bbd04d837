import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Chunking, type ChunkStore, maxChunks } from '../core/chunk-store.ts';
import { type ChunkingFunction, chunkingFacts, chunkingFunctions } from '../core/chunking-function.ts';
import { type Digest, digestText } from '../core/digest.ts';
import { slots } from '../core/slots.ts';
import type { Chunkings } from './chunkings.ts';
import { concatenate } from './splicing.ts';
import { storeChunks } from './splitting.ts';

/** Blobs that are cut or put together at once: each holds a few MiB and keeps a disk busy. */
const worksAtOnce = 4;

/** Chunks are blobs like others; which of them make a blob is in small files beside them. */
export function volumeChunkStore(blobs: BlobStore, chunkings: Chunkings): ChunkStore {
  const works = slots(worksAtOnce);

  async function inTurn<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await works.take(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  async function isHere(digests: readonly Digest[], signal?: AbortSignal): Promise<boolean> {
    return (await blobs.findMissing(digests, signal)).length === 0;
  }

  async function expectHere(blob: Digest, signal?: AbortSignal): Promise<void> {
    if (!(await isHere([blob], signal))) {
      throw new CacheError('not-found', `the blob ${digestText(blob)} is not here`);
    }
  }

  /** The first of these chunkings that is stored, and whose chunks are all here. The blob must be. */
  async function stored(
    blob: Digest,
    candidates: readonly ChunkingFunction[],
    signal?: AbortSignal,
  ): Promise<Chunking | undefined> {
    for (const chunkingFunction of candidates) {
      if (blob.sizeBytes <= chunkingFacts(chunkingFunction).neverCutBytes) {
        return { chunkingFunction, chunks: [blob] };
      }
      const chunking = await chunkings.recall(blob, chunkingFunction);
      if (chunking !== undefined && (await isHere(chunking.chunks, signal))) return chunking;
    }
    return undefined;
  }

  /** Whether these chunks are known to give the blob; the cuts may have been found to be somebody's own. */
  async function isStored(blob: Digest, { chunkingFunction, chunks }: Chunking): Promise<boolean> {
    for (const candidate of new Set([chunkingFunction, 'unknown'] as const)) {
      if (sameChunks(await chunkings.recall(blob, candidate), chunks)) return true;
    }
    return false;
  }

  /** The work may have taken long: what the answer promises begins with the answer. */
  async function leaseAll(blob: Digest, chunks: readonly Digest[], signal?: AbortSignal): Promise<void> {
    if (await isHere([blob, ...chunks], signal)) return;
    throw new CacheError('not-found', 'chunks have gone while they were worked on; try again');
  }

  async function remember(blob: Digest, chunking: Chunking): Promise<void> {
    try {
      await chunkings.remember(blob, chunking);
    } catch (error) {
      // The answer is right without it, and the next one is found by computing again.
      if (!(error instanceof CacheError)) throw error;
    }
  }

  async function compute(
    blob: Digest,
    chunkingFunction: Exclude<ChunkingFunction, 'unknown'>,
    signal?: AbortSignal,
  ): Promise<Chunking> {
    const most = maxChunks * chunkingFacts(chunkingFunction).leastChunkBytes;
    if (blob.sizeBytes > most) {
      throw new CacheError(
        'not-found',
        `the blob ${digestText(blob)} is too large to be split here (at most ${most} bytes are); read it whole`,
      );
    }
    const chunks = await storeChunks(blobs, blob, chunkingFunction, signal);
    const chunking = { chunkingFunction, chunks };
    if (chunks.length > 1) await remember(blob, chunking);
    await leaseAll(blob, chunks, signal);
    return chunking;
  }

  return {
    async find(blob, chunkingFunction, signal) {
      await expectHere(blob, signal);
      const chunking = await stored(blob, candidatesFor(chunkingFunction), signal);
      if (chunking !== undefined) return chunking;
      throw new CacheError(
        'not-found',
        `no such chunking of the blob ${digestText(blob)} is stored here; read it whole, or have it split or spliced on the port for pushing`,
      );
    },

    async split(blob, chunkingFunction, signal) {
      await expectHere(blob, signal);
      const chunking = await stored(blob, candidatesFor(chunkingFunction), signal);
      if (chunking !== undefined) return chunking;
      const wanted = chunkingFunction === 'unknown' ? 'fast-cdc-2020' : chunkingFunction;
      return await inTurn(async () => {
        // Somebody else may have had the same blob split while this call waited.
        return (await stored(blob, [wanted], signal)) ?? (await compute(blob, wanted, signal));
      }, signal);
    },

    async splice(blob, { chunkingFunction, chunks: given }, signal) {
      checkSizes(blob, given);
      const missing = await blobs.findMissing(given, signal);
      if (missing.length > 0) throw missingChunks(missing);
      // Empty chunks add nothing, and clients that are given one stop there.
      const chunks = given.filter(({ sizeBytes }) => sizeBytes > 0);
      const chunking = { chunkingFunction, chunks };
      await inTurn(async () => {
        const present = await blobs.has(blob);
        const known = isWhole(chunks, blob) || (await isStored(blob, chunking));
        if (present && known) return;
        const proven = await concatenate(blobs, blob, chunking, !present, signal);
        await remember(blob, { chunkingFunction: proven, chunks });
        await leaseAll(blob, chunks, signal);
      }, signal);
    },
  };
}

function checkSizes(blob: Digest, chunks: readonly Digest[]): void {
  if (chunks.length > maxChunks) {
    throw new CacheError(
      'invalid-argument',
      `a blob of ${chunks.length} chunks is not taken, ${maxChunks} are the most; use larger chunks, or ByteStream for the blob`,
    );
  }
  const total = chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total !== blob.sizeBytes) {
    throw new CacheError(
      'invalid-argument',
      `the chunks have ${total} bytes together, the blob ${digestText(blob)} has others: they are not its chunks`,
    );
  }
}

function missingChunks(missing: readonly Digest[]): CacheError {
  const [first] = missing;
  return new CacheError(
    'not-found',
    `${missing.length} of the chunks are not here, the first is ${first === undefined ? '' : digestText(first)}; upload them and try again`,
  );
}

/** Whether the only chunk is the blob itself. */
function isWhole(chunks: readonly Digest[], blob: Digest): boolean {
  return chunks.every((chunk) => digestText(chunk) === digestText(blob));
}

/** A client that names a function checks what it gets against its bounds: only 'unknown' takes any. */
function candidatesFor(chunkingFunction: ChunkingFunction): readonly ChunkingFunction[] {
  return chunkingFunction === 'unknown' ? chunkingFunctions : [chunkingFunction];
}

function sameChunks(stored: Chunking | undefined, chunks: readonly Digest[]): boolean {
  return (
    stored?.chunks.length === chunks.length &&
    stored.chunks.every((chunk, index) => digestText(chunk) === digestText(chunks[index] ?? chunk))
  );
}
