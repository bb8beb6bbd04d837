import { randomUUID } from 'node:crypto';
import { maxChunks, type Chunking } from '../core/chunk-store.ts';
import { type ChunkingFunction, chunkingFacts } from '../core/chunking-function.ts';
import { blobName, type Digest, digestText, parseDigest } from '../core/digest.ts';
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
import type { Leases } from './leases.ts';
import type { Space } from './space.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** SHA-256 of the rest of the file and of what blob it is about. */
const sealBytes = 32;
/** A digest in a message takes no more: a SHA-512, its size and what is around them. */
const longestEntry = 160;
/** A stored chunking has no more bytes. */
export const longestChunking = sealBytes + maxChunks * longestEntry;

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

export function chunkingFiles(layout: Layout, leases: Leases, space: Space): Chunkings {
  const pathOf = (blob: Digest, chunkingFunction: ChunkingFunction) =>
    layout.chunking(chunkingFacts(chunkingFunction).id, blobName(blob));

  async function recall(blob: Digest, chunkingFunction: ChunkingFunction): Promise<Chunking | undefined> {
    const path = pathOf(blob, chunkingFunction);
    const chunks = chunksIn(blob, await readStored(path));
    if (chunks === undefined) return undefined;
    // It goes with what was used longest ago. Should it be gone by now: what it says is still true.
    await leases.touchFile(path);
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
      await space.expectRoomFor(bytes.length);
      const handle = await createNew(temporary, blobMode);
      try {
        await writeFully(handle, bytes, 0);
      } finally {
        await handle.close();
      }
      await renameOver(temporary, pathOf(blob, chunkingFunction));
    } catch (error) {
      await discard(temporary).catch(() => {});
      throw await space.writeFailed(error, 'storing a chunking');
    }
  }

  return { recall, remember };
}

/** The chunks that a stored chunking has for this blob; undefined when it is not whole, or is about another one. */
export function chunksIn(blob: Digest, stored: Buffer | undefined): Digest[] | undefined {
  if (stored === undefined || stored.length < sealBytes) return undefined;
  const message = stored.subarray(sealBytes);
  if (!stored.subarray(0, sealBytes).equals(sealOf(blob, message))) return undefined;
  return SplitBlobResponse.decode(message).chunkDigests.map((digest) =>
    parseDigest(digest, blob.digestFunction),
  );
}

async function readStored(path: string): Promise<Buffer | undefined> {
  try {
    const { handle, stats } = await openRegular(path);
    try {
      const { size } = stats;
      if (size > longestChunking) return undefined;
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
