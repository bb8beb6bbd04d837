import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type BlobName, blobName, type Digest, digestText, isEmptyBlob } from '../core/digest.ts';
import { chunkedReading } from './blob-reading.ts';
import { type OpenFile, openUnnoticed, readFully } from './durable-file.ts';
import { hashOf } from './hashing.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { foundOrNowhere, shortestGraceMs } from './trash.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** Looks for blobs as a server does, and leaves no trace: nothing is leased, and nothing is taken from the trash. */
export interface UntouchedBlobs {
  readonly blobs: Pick<BlobStore, 'findMissing' | 'readWhole'>;
  /** All of a blob, in chunks, verified as BlobStore.read() does. Rejects as readWhole() does. */
  read(digest: Digest): Promise<AsyncIterable<Uint8Array>>;
  /** Nothing is leased by these. */
  readonly leases: Pick<Leases, 'touchAll' | 'restMs'>;
}

/** `isDamaged` says of which blobs the bytes are known to be wrong: they are as good as absent. */
export function untouchedBlobs(layout: Layout, isDamaged: (name: BlobName) => boolean): UntouchedBlobs {
  /** In its place or in the trash, whichever janitors move it. */
  async function anywhere<T>(name: BlobName, look: (path: string) => Promise<T>): Promise<T | undefined> {
    const inPlace = await unlessAbsent(look(layout.blob(name)));
    if (inPlace !== undefined) return inPlace;
    return await foundOrNowhere(async () => {
      for (const run of (await unlessAbsent(readdir(layout.trash))) ?? []) {
        const inTrash = await unlessAbsent(look(layout.trashed(run, name)));
        if (inTrash !== undefined) return inTrash;
      }
      return await unlessAbsent(look(layout.blob(name)));
    }, shortestGraceMs);
  }

  async function find(digest: Digest): Promise<Stats | undefined> {
    // Servers make it when somebody asks for it.
    if (isEmptyBlob(digest)) return await lstat(layout.root);
    if (isDamaged(blobName(digest))) return undefined;
    const stats = await anywhere(blobName(digest), (path) => lstat(path));
    return stats?.isFile() === true && stats.size === digest.sizeBytes ? stats : undefined;
  }

  async function findAll(digests: readonly Digest[], signal?: AbortSignal): Promise<(Stats | undefined)[]> {
    const found = [];
    try {
      for (const digest of digests) {
        signal?.throwIfAborted();
        found.push(await find(digest));
      }
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw volumeError(error, 'looking for blobs');
    }
    return found;
  }

  async function readWhole(digest: Digest): Promise<Uint8Array> {
    if (isEmptyBlob(digest)) return new Uint8Array();
    try {
      const file = await anywhere(blobName(digest), openUnnoticed);
      const bytes = file && (await contents(file, digest.sizeBytes));
      if (bytes !== undefined && hashOf(digest.digestFunction, bytes) === digest.hash) return bytes;
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
    throw notHere(digest);
  }

  async function read(digest: Digest): Promise<AsyncIterable<Uint8Array>> {
    if (isEmptyBlob(digest)) return noChunks();
    try {
      const file = await anywhere(blobName(digest), openUnnoticed);
      if (file === undefined) throw notHere(digest);
      return chunkedReading(file.handle, {
        offset: 0,
        length: digest.sizeBytes,
        expected: digest,
        onVerified: () => {},
        onDamaged: () => notHere(digest),
        onFailed: (error) => volumeError(error, 'reading a blob'),
      });
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
  }

  return {
    read,
    blobs: {
      readWhole,
      async findMissing(digests, signal) {
        const found = await findAll(digests, signal);
        return digests.filter((_, index) => found[index] === undefined);
      },
    },
    leases: { touchAll: findAll, restMs: () => 0 },
  };
}

function notHere(digest: Digest): CacheError {
  return new CacheError('not-found', `the blob ${digestText(digest)} is not here, or is damaged`);
}

async function* noChunks(): AsyncGenerator<Uint8Array> {
  // No bytes, no chunks.
}

/** Undefined for a file of another size. */
async function contents({ handle, stats }: OpenFile, sizeBytes: number): Promise<Buffer | undefined> {
  try {
    if (stats.size !== sizeBytes) return undefined;
    const bytes = Buffer.alloc(sizeBytes);
    return (await readFully(handle, bytes, 0)) === sizeBytes ? bytes : undefined;
  } finally {
    await handle.close();
  }
}

async function unlessAbsent<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
