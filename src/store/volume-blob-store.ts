import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { relative } from 'node:path';
import type { BlobReading, BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { blobName, blobNameParts, type Digest, digestOf, digestText, isEmptyBlob } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { chunkedReading } from './blob-reading.ts';
import { blobMode, discard, readFully } from './durable-file.ts';
import type { FileCalls } from './file-calls.ts';
import { hashFile, hashOf } from './hashing.ts';
import { fileIdentity, KnownFiles, mismatchOf } from './integrity.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { publishBlob } from './publish.ts';
import { isReadableByOthers } from './readable-by-others.ts';
import type { Space } from './space.ts';
import { openBlob } from './trash.ts';
import { committedSize, openUpload, type UploadSite } from './uploads.ts';
import { errnoOf, isDiskError, volumeError } from './volume-error.ts';

/** Blobs up to this size are verified on every read, larger ones once for each process. Bytes. */
const alwaysVerifiedUpTo = 1024 * 1024;
const verifiedRemembered = 100_000;

/** Blobs as files, in BuildStream's layout. */
export function volumeBlobStore(
  calls: FileCalls,
  layout: Layout,
  leases: Leases,
  space: Space,
  observer: Observer,
  keepsUploads: boolean,
): BlobStore {
  const verified = new KnownFiles(verifiedRemembered);
  const hashing = new Map<string, Promise<string>>();

  function damaged(digest: Digest): CacheError {
    verified.forget(blobName(digest));
    leases.distrust();
    observer.doubted(blobName(digest), 'wrong-bytes');
    return new CacheError(
      'not-found',
      `the blob ${digestText(digest)} is damaged here and will be set aside; upload it again`,
    );
  }

  /** A disk that cannot give the bytes now may never: the scrubber looks. */
  function readFailed(digest: Digest, error: unknown): CacheError {
    if (isDiskError(errnoOf(error))) observer.doubted(blobName(digest), 'unreadable');
    return volumeError(error, 'reading a blob');
  }

  async function open(digest: Digest): Promise<FileHandle> {
    const handle = await openBlob(calls, layout, blobName(digest));
    if (handle === undefined) {
      await leases.notFound(digest);
      throw absent(digest);
    }
    const stats = await handle.stat().catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
    if (stats.size === digest.sizeBytes) return handle;
    await handle.close();
    observer.doubted(blobName(digest), 'wrong-size');
    throw absent(digest);
  }

  async function readWhole(digest: Digest): Promise<Uint8Array> {
    if (isEmptyBlob(digest)) return new Uint8Array();
    try {
      const inPlace = await calls.readSmall(layout.blob(blobName(digest)), digest.sizeBytes);
      const bytes = inPlace === undefined ? await readFromTrash(digest) : inPlace.bytes;
      if (bytes === undefined) {
        observer.doubted(blobName(digest), 'wrong-size');
        throw absent(digest);
      }
      if (hashOf(digest.digestFunction, bytes) !== digest.hash) throw damaged(digest);
      return bytes;
    } catch (error) {
      throw readFailed(digest, error);
    }
  }

  /** A janitor may have moved the blob between our looks; undefined when it ends too early. */
  async function readFromTrash(digest: Digest): Promise<Uint8Array | undefined> {
    const handle = await open(digest);
    try {
      const bytes = Buffer.allocUnsafeSlow(digest.sizeBytes);
      return (await readFully(handle, bytes, 0)) === bytes.length ? bytes : undefined;
    } finally {
      await handle.close();
    }
  }

  /** Many may ask for parts of the same blob at once; it is read for all of them together. */
  async function hashOnce(handle: FileHandle, digest: Digest, identity: string): Promise<string> {
    const key = `${blobName(digest)}:${identity}`;
    const underWay =
      hashing.get(key) ?? hashFile(digest.digestFunction, handle).finally(() => hashing.delete(key));
    hashing.set(key, underWay);
    return await underWay;
  }

  async function verifyOpen(handle: FileHandle, digest: Digest, identity: string): Promise<void> {
    if ((await hashOnce(handle, digest, identity)) !== digest.hash) throw damaged(digest);
    verified.add(blobName(digest), identity);
  }

  /** Smaller ones are looked at whenever they are asked for. */
  function isKnown(digest: Digest, identity: string): boolean {
    return digest.sizeBytes > alwaysVerifiedUpTo && verified.has(blobName(digest), identity);
  }

  async function verify(digest: Digest): Promise<void> {
    if (isEmptyBlob(digest)) return;
    try {
      const handle = await open(digest);
      try {
        const identity = fileIdentity(await handle.stat());
        if (!isKnown(digest, identity)) await verifyOpen(handle, digest, identity);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw readFailed(digest, error);
    }
  }

  async function fileFor(digest: Digest): Promise<string | undefined> {
    const stats = await leases.touch(digest);
    if (stats === undefined || !isKnown(digest, fileIdentity(stats))) return undefined;
    const path = layout.blob(blobName(digest));
    try {
      return (await isReadableByOthers(path, stats, layout.root)) ? relative(layout.root, path) : undefined;
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
  }

  async function read(digest: Digest, offset: number, length: number): Promise<BlobReading> {
    if (isEmptyBlob(digest)) return nothing;
    try {
      const handle = await open(digest);
      try {
        const identity = fileIdentity(await handle.stat());
        const known = isKnown(digest, identity);
        const whole = offset === 0 && length === digest.sizeBytes;
        // Part of a blob cannot be checked by itself: check all of it first.
        if (!known && !whole) await verifyOpen(handle, digest, identity);
        return chunkedReading(handle, {
          offset,
          length,
          expected: !known && whole ? digest : undefined,
          onVerified: () => verified.add(blobName(digest), identity),
          onDamaged: () => damaged(digest),
          onFailed: (error) => readFailed(digest, error),
        });
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw readFailed(digest, error);
    }
  }

  async function put(digest: Digest, bytes: Uint8Array): Promise<void> {
    const wrong = mismatchOf(digest, bytes.length, () => hashOf(digest.digestFunction, bytes));
    if (wrong !== undefined) {
      observer.uploadMismatched();
      throw wrong;
    }
    if ((await leases.touch(digest)) !== undefined) return;
    await space.take(bytes.length, 1);
    const temporary = layout.temporaryFile(randomUUID());
    let isNew = false;
    try {
      await calls.writeNew(temporary, bytes, blobMode);
      isNew = await publishBlob(calls, layout, leases, temporary, digest);
    } catch (error) {
      await discard(temporary).catch(() => {});
      throw await space.writeFailed(error, 'storing a blob');
    } finally {
      space.settle(bytes.length, isNew ? blobName(digest) : undefined);
    }
  }

  const site: UploadSite = {
    layout,
    space,
    keepsUploads,
    publish: (temporary, published) => publishBlob(calls, layout, leases, temporary, published),
    onMismatch: () => observer.uploadMismatched(),
  };

  return {
    async findMissing(digests, signal) {
      const distinct = [...new Map(digests.map((digest) => [digestText(digest), digest])).values()];
      const leased = await leases.leaseAll(distinct, signal);
      return distinct.filter((_, index) => leased[index] !== true);
    },
    readWhole,
    read,
    put,
    openUpload: (name, digest, offset) => openUpload(site, name, digest, offset),
    committedSize: (name) => committedSize(layout, name),
    async find(name) {
      const stats = await leases.touchNamed(name);
      const { digestFunction, hash } = blobNameParts(name);
      return stats && digestOf(hash, stats.size, digestFunction);
    },
    verify,
    fileFor,
  };
}

function absent(digest: Digest): CacheError {
  return new CacheError('not-found', `the blob ${digestText(digest)} is not here`);
}

const nothing: BlobReading = {
  close: () => Promise.resolve(),
  async *[Symbol.asyncIterator]() {
    // No bytes, no chunks.
  },
};
