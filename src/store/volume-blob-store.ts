import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import pMap from 'p-map';
import type { BlobReading, BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, emptyDigest } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { chunkedReading } from './blob-reading.ts';
import { blobMode, createNew, discard, readFully, writeFully } from './durable-file.ts';
import { fileIdentity, hashFile, KnownFiles, sha256 } from './integrity.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { publishBlob } from './publish.ts';
import type { Space } from './space.ts';
import { openBlob } from './trash.ts';
import { committedSize, openUpload } from './uploads.ts';
import { volumeError } from './volume-error.ts';

/** File operations in flight for one request. The thread pool is the real bound; this keeps its queue short. */
const lookupsAtOnce = 32;
/** Blobs up to this size are verified on every read, larger ones once for each process. Bytes. */
const alwaysVerifiedUpTo = 1024 * 1024;
const verifiedRemembered = 100_000;

/** Blobs as files, in BuildStream's layout. */
export function volumeBlobStore(
  layout: Layout,
  leases: Leases,
  space: Space,
  observer: Observer,
  keepsUploads: boolean,
): BlobStore {
  const verified = new KnownFiles(verifiedRemembered);

  function damaged(digest: Digest): CacheError {
    verified.forget(digest.hash);
    observer.doubted(digest.hash, 'wrong-bytes');
    return new CacheError(
      'not-found',
      `the blob ${digestText(digest)} is damaged here and will be set aside; upload it again`,
    );
  }

  async function open(digest: Digest): Promise<FileHandle> {
    const handle = await openBlob(layout, digest.hash);
    if (handle === undefined) throw absent(digest);
    const { size } = await handle.stat();
    if (size === digest.sizeBytes) return handle;
    await handle.close();
    observer.doubted(digest.hash, 'wrong-size');
    throw absent(digest);
  }

  async function readWhole(digest: Digest): Promise<Uint8Array> {
    if (digest.hash === emptyDigest.hash && digest.sizeBytes === 0) return new Uint8Array();
    try {
      const handle = await open(digest);
      try {
        const bytes = Buffer.allocUnsafeSlow(digest.sizeBytes);
        const count = await readFully(handle, bytes, 0);
        if (count < bytes.length || sha256(bytes) !== digest.hash) throw damaged(digest);
        return bytes;
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
  }

  async function read(digest: Digest, offset: number, length: number): Promise<BlobReading> {
    if (digest.hash === emptyDigest.hash && digest.sizeBytes === 0) return nothing;
    try {
      const handle = await open(digest);
      try {
        const identity = fileIdentity(await handle.stat());
        const known = digest.sizeBytes > alwaysVerifiedUpTo && verified.has(digest.hash, identity);
        const whole = offset === 0 && length === digest.sizeBytes;
        // Part of a blob cannot be checked by itself: check all of it first.
        if (!known && !whole) {
          if ((await hashFile(handle)) !== digest.hash) throw damaged(digest);
          verified.add(digest.hash, identity);
        }
        return chunkedReading(handle, {
          offset,
          length,
          expectedHash: !known && whole ? digest.hash : undefined,
          onVerified: () => verified.add(digest.hash, identity),
          onDamaged: () => damaged(digest),
        });
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw volumeError(error, 'reading a blob');
    }
  }

  async function put(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== digest.sizeBytes) {
      observer.uploadMismatched();
      throw new CacheError(
        'digest-mismatch',
        `${bytes.length} bytes were sent, the digest announces ${digest.sizeBytes}; nothing was stored`,
      );
    }
    const hash = sha256(bytes);
    if (hash !== digest.hash) {
      observer.uploadMismatched();
      throw new CacheError(
        'digest-mismatch',
        `the bytes sent have the hash ${hash}, the digest announces ${digest.hash}; nothing was stored`,
      );
    }
    if ((await leases.touch(digest)) !== undefined) return;
    const temporary = layout.temporaryFile(randomUUID());
    try {
      await space.take(bytes.length, 1);
      const handle = await createNew(temporary, blobMode);
      try {
        await writeFully(handle, bytes, 0);
      } finally {
        await handle.close();
      }
      await publishBlob(layout, leases, temporary, digest);
    } catch (error) {
      await discard(temporary).catch(() => {});
      throw volumeError(error, 'storing a blob');
    }
  }

  return {
    async findMissing(digests, signal) {
      const distinct = [...new Map(digests.map((digest) => [digestText(digest), digest])).values()];
      const missing = new Set<Digest>();
      const lookUp = async (digest: Digest) => {
        if ((await leases.touch(digest)) === undefined) missing.add(digest);
      };
      await pMap(distinct, lookUp, { concurrency: lookupsAtOnce, ...(signal && { signal }) });
      return distinct.filter((digest) => missing.has(digest));
    },
    readWhole,
    read,
    put,
    openUpload: (name, digest, offset) =>
      openUpload(
        {
          layout,
          space,
          keepsUploads,
          publish: (temporary, published) => publishBlob(layout, leases, temporary, published),
          onMismatch: () => observer.uploadMismatched(),
        },
        name,
        digest,
        offset,
      ),
    committedSize: (name) => committedSize(layout, name),
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
