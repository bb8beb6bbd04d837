import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { relative } from 'node:path';
import { type Answer, following } from '../core/answer.ts';
import type { BlobReading, BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import {
  blobName,
  blobNameParts,
  type Digest,
  digestOf,
  digestText,
  distinctDigests,
  isEmptyBlob,
} from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { chunkedReading, readingOf } from './blob-reading.ts';
import { blobMode, discard, type OpenFile, readFully } from './durable-file.ts';
import type { FileCalls, SmallFile } from './file-calls.ts';
import { hashFile, hashOf } from './hashing.ts';
import { mismatchOf } from './integrity.ts';
import { keptReader } from './kept-reader.ts';
import { contentIdentity } from './known-files.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { publishBlob } from './publish.ts';
import { isReadableByOthers } from './readable-by-others.ts';
import type { SeenBytes } from './seen-bytes.ts';
import { largestKept, type SmallBlobs } from './small-blobs.ts';
import type { Space } from './space.ts';
import { openBlob } from './trash.ts';
import { committedSize, openUpload, type UploadSite } from './uploads.ts';
import { errnoOf, isDiskError, volumeError } from './volume-error.ts';

/** Blobs up to this size are verified whenever they are read from the disk, larger ones when this process has not, not lately, or not as they are. Bytes. */
const alwaysVerifiedUpTo = 1024 * 1024;

/** The times of files are told in steps: that it is written to in the step that it came in would not be seen. Milliseconds. */
const settledMs = 1000;

/** Blobs as files, in BuildStream's layout. */
export function volumeBlobStore(
  calls: FileCalls,
  layout: Layout,
  leases: Leases,
  seen: SeenBytes,
  small: SmallBlobs,
  space: Space,
  observer: Observer,
  keepsUploads: boolean,
): BlobStore {
  const hashing = new Map<string, Promise<string>>();
  const kept = keptReader(calls, layout, leases, small);

  function damaged(digest: Digest, stats: Stats): CacheError {
    seen.noteWrong(blobName(digest), stats);
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

  async function open(digest: Digest): Promise<OpenFile> {
    const file = await openBlob(calls, layout, blobName(digest));
    if (file === undefined) {
      await leases.notFound(digest);
      throw absent(digest);
    }
    if (file.stats.size === digest.sizeBytes) return file;
    await file.handle.close();
    observer.doubted(blobName(digest), 'wrong-size');
    throw absent(digest);
  }

  function readPromptly(digest: Digest): Answer<Uint8Array> {
    if (isEmptyBlob(digest)) return new Uint8Array();
    try {
      const bytes = following(kept.read(digest), (found) => found ?? readFile(digest));
      if (!(bytes instanceof Promise)) return bytes;
      return bytes.catch((error: unknown) => {
        throw readFailed(digest, error);
      });
    } catch (error) {
      return Promise.reject(readFailed(digest, error));
    }
  }

  async function readWhole(digest: Digest): Promise<Uint8Array> {
    return await readPromptly(digest);
  }

  /** By what is on the disk, and not by what is remembered. */
  function readFile(digest: Digest): Answer<Uint8Array> {
    const { sizeBytes } = digest;
    return following(calls.readSmall(layout.blob(blobName(digest)), sizeBytes, sizeBytes), (inPlace) =>
      inPlace === undefined
        ? readFromTrash(digest).then((file) => verified(digest, file))
        : verified(digest, inPlace),
    );
  }

  function verified(digest: Digest, { stats, bytes }: SmallFile): Uint8Array {
    if (bytes === undefined) {
      observer.doubted(blobName(digest), 'wrong-size');
      throw absent(digest);
    }
    if (hashOf(digest.digestFunction, bytes) !== digest.hash) throw damaged(digest, stats);
    if (leases.now() - stats.ctimeMs > settledMs) small.keep(digest, stats, bytes);
    return bytes;
  }

  /** A janitor may have moved the blob between our looks. */
  async function readFromTrash(digest: Digest): Promise<SmallFile> {
    const { handle, stats } = await open(digest);
    try {
      const bytes = Buffer.allocUnsafeSlow(digest.sizeBytes);
      return { stats, bytes: (await readFully(handle, bytes, 0)) === bytes.length ? bytes : undefined };
    } finally {
      await handle.close();
    }
  }

  /** Many may ask for parts of the same blob at once; it is read for all of them together. */
  async function hashOnce(handle: FileHandle, digest: Digest, stats: Stats): Promise<string> {
    const key = `${blobName(digest)}:${contentIdentity(stats).join(':')}`;
    const underWay =
      hashing.get(key) ??
      hashFile(digest.digestFunction, handle, stats.size).finally(() => hashing.delete(key));
    hashing.set(key, underWay);
    return await underWay;
  }

  async function verifyOpen(handle: FileHandle, digest: Digest, stats: Stats): Promise<void> {
    if ((await hashOnce(handle, digest, stats)) !== digest.hash) throw damaged(digest, stats);
    seen.noteRight(blobName(digest), stats);
  }

  /** Smaller ones are looked at whenever they are asked for. */
  function isKnown(digest: Digest, stats: Stats): boolean {
    return digest.sizeBytes > alwaysVerifiedUpTo && seen.wereRight(blobName(digest), stats);
  }

  async function verify(digest: Digest): Promise<void> {
    if (isEmptyBlob(digest)) return;
    try {
      if (digest.sizeBytes <= alwaysVerifiedUpTo) {
        await readFile(digest);
        return;
      }
      const { handle, stats } = await open(digest);
      try {
        if (!isKnown(digest, stats)) await verifyOpen(handle, digest, stats);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw readFailed(digest, error);
    }
  }

  async function fileFor(digest: Digest): Promise<string | undefined> {
    if ((await leases.touch(digest)) === undefined) return undefined;
    const path = layout.blob(blobName(digest));
    try {
      // What somebody else will send unseen is looked at now, and not when it was touched.
      const stats = await calls.stat(path);
      if (stats === undefined || !isKnown(digest, stats)) return undefined;
      return (await isReadableByOthers(path, stats, layout.root)) ? relative(layout.root, path) : undefined;
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
  }

  async function read(digest: Digest, offset: number, length: number): Promise<BlobReading> {
    if (digest.sizeBytes <= largestKept) return readingOf(await readWhole(digest), offset, length);
    try {
      const { handle, stats } = await open(digest);
      try {
        const known = isKnown(digest, stats);
        const whole = offset === 0 && length === digest.sizeBytes;
        // Part of a blob cannot be checked by itself: check all of it first.
        if (!known && !whole) await verifyOpen(handle, digest, stats);
        return chunkedReading(handle, {
          offset,
          length,
          expected: !known && whole ? digest : undefined,
          onVerified: () => seen.noteRight(blobName(digest), stats),
          onDamaged: () => damaged(digest, stats),
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

  async function has(digest: Digest): Promise<boolean> {
    return await isRight(digest, await leases.touch(digest));
  }

  /** Whether a file that was found, if it was, has the right bytes. */
  async function isRight(digest: Digest, stats: Stats | undefined): Promise<boolean> {
    if (stats === undefined) return false;
    try {
      await verify(digest);
      return true;
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      // What the disk cannot read is of no use to anybody, and here is somebody who has it.
      const unreadable = errnoOf(error.cause) === 'EIO';
      if (unreadable) seen.noteWrong(blobName(digest), stats);
      if (unreadable || error.kind === 'not-found') return false;
      throw error;
    }
  }

  async function put(digest: Digest, bytes: Uint8Array): Promise<void> {
    const wrong = mismatchOf(digest, bytes.length, () => hashOf(digest.digestFunction, bytes));
    if (wrong !== undefined) {
      observer.uploadMismatched();
      throw wrong;
    }
    // What has gone to the trash is written anew: looking for it would cost more.
    if (await isRight(digest, await leases.touchInPlace(digest))) return;
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
    findMissing: (digests, signal) => leases.leaseAll(distinctDigests(digests), signal),
    findMissingPacked: (digests, signal) => leases.leasePacked(digests, signal),
    readWhole,
    readPromptly,
    readAllAtOnce: (digests) => kept.readAllAtOnce(digests),
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
    has,
    fileFor,
  };
}

function absent(digest: Digest): CacheError {
  return new CacheError('not-found', `the blob ${digestText(digest)} is not here`);
}
