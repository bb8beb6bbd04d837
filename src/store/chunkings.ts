import { randomUUID } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { maxChunks, type Chunking } from '../core/chunk-store.ts';
import { type ChunkingFunction, chunkingFacts, chunkingFunctions } from '../core/chunking-function.ts';
import type { Clock } from '../core/clock.ts';
import { blobName, type Digest, digestText, parseBlobName, parseDigest } from '../core/digest.ts';
import { SplitBlobResponse } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  createNew,
  discard,
  openRegular,
  readFully,
  renameOver,
  blobMode,
  writeFully,
} from './durable-file.ts';
import { hashOf } from './hashing.ts';
import type { Layout } from './layout.ts';
import type { Space } from './space.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** SHA-256 of the rest of the file and of what blob it is about. */
const sealBytes = 32;
/** A digest in a message takes no more: a SHA-512, its size and what is around them. */
const longestEntry = 160;
const longestFile = sealBytes + maxChunks * longestEntry;

/**
 * What is known of how blobs are cut: one small file for each blob and chunking function, a seal and a
 * SplitBlobResponse. A file is only a hint of what would have to be computed again without it, so it is not
 * synced; the seal tells one that a power cut or a bad disk has spoilt. That its chunks give
 * the blob was checked before it was written.
 */
export interface Chunkings {
  /** Undefined when none is stored, or not whole. Whether its chunks are here is another question. */
  recall(blob: Digest, chunkingFunction: ChunkingFunction): Promise<Chunking | undefined>;
  /** Replaces what was stored for this blob and function. Rejects as uploads do. */
  remember(blob: Digest, chunking: Chunking): Promise<void>;
}

export function chunkingFiles(layout: Layout, space: Space): Chunkings {
  const pathOf = (blob: Digest, chunkingFunction: ChunkingFunction) =>
    layout.chunking(chunkingFacts(chunkingFunction).id, blobName(blob));

  async function recall(blob: Digest, chunkingFunction: ChunkingFunction): Promise<Chunking | undefined> {
    const stored = await readStored(pathOf(blob, chunkingFunction));
    if (stored === undefined || stored.length < sealBytes) return undefined;
    const message = stored.subarray(sealBytes);
    if (!stored.subarray(0, sealBytes).equals(sealOf(blob, message))) return undefined;
    const chunks = SplitBlobResponse.decode(message).chunkDigests.map((digest) =>
      parseDigest(digest, blob.digestFunction),
    );
    return { chunkingFunction, chunks };
  }

  async function remember(blob: Digest, { chunkingFunction, chunks }: Chunking): Promise<void> {
    const message = SplitBlobResponse.encode({
      chunkDigests: chunks.map(({ hash, sizeBytes }) => ({ hash, sizeBytes: BigInt(sizeBytes) })),
      chunkingFunction: chunkingFacts(chunkingFunction).value,
    }).finish();
    const bytes = Buffer.concat([sealOf(blob, message), message]);
    const temporary = layout.temporaryFile(randomUUID());
    try {
      await space.take(bytes.length, 1);
      const handle = await createNew(temporary, blobMode);
      try {
        await writeFully(handle, bytes, 0);
      } finally {
        await handle.close();
      }
      await renameOver(temporary, pathOf(blob, chunkingFunction));
    } catch (error) {
      await discard(temporary).catch(() => {});
      throw volumeError(error, 'storing a chunking');
    }
  }

  return { recall, remember };
}

async function readStored(path: string): Promise<Buffer | undefined> {
  try {
    const handle = await openRegular(path);
    try {
      const { size } = await handle.stat();
      if (size > longestFile) return undefined;
      const bytes = Buffer.alloc(size);
      return (await readFully(handle, bytes, 0)) === size ? bytes : undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw volumeError(error, 'reading a chunking');
  }
}

function sealOf(blob: Digest, message: Uint8Array): Buffer {
  const sealed = Buffer.concat([Buffer.from(`${digestText(blob)}\n`), message]);
  return Buffer.from(hashOf('sha256', sealed), 'hex');
}

/** A chunking may be a moment earlier than its blob. Milliseconds. */
const orphanAge = 3_600_000;

/**
 * Removes the chunkings of blobs that are not here any more, in the folders of this prefix (one of
 * blobPrefixes): a pass over all of them is a pass over all prefixes. Returns how many.
 */
export async function sweepChunkings(layout: Layout, prefix: string, clock: Clock): Promise<number> {
  let removed = 0;
  try {
    for (const chunkingFunction of chunkingFunctions) {
      const folder = layout.chunkingFolder(chunkingFacts(chunkingFunction).id, prefix);
      for (const text of await namesIn(folder)) {
        const name = parseBlobName(text);
        const path = join(folder, text);
        if (name !== undefined && (await ageOf(layout.blob(name), clock)) !== undefined) continue;
        if (((await ageOf(path, clock)) ?? 0) < orphanAge) continue;
        await discard(path);
        removed++;
      }
    }
  } catch (error) {
    throw volumeError(error, 'sweeping chunkings');
  }
  return removed;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** By ctime; undefined for what is gone or is not a file. */
async function ageOf(path: string, clock: Clock): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? clock() - stats.ctimeMs : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
