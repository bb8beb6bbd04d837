import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';
import type { Upload } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { blobName, type Digest } from '../core/digest.ts';
import { blobMode, createNew, discard, readFully, writeFully } from './durable-file.ts';
import { type Hasher, hashOf, newHasher } from './hashing.ts';
import { mismatch, mismatchOf } from './integrity.ts';
import type { Layout } from './layout.ts';
import type { Space } from './space.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** What an upload needs of the store around it. */
export interface UploadSite {
  readonly layout: Layout;
  readonly space: Space;
  /** Makes the verified temporary file the blob, and takes its temporary name away. False when the blob was there already. */
  publish(temporary: string, digest: Digest): Promise<boolean>;
  /** Whether uploads that stop may be gone on with. */
  readonly keepsUploads: boolean;
  /** Told of bytes that were not the ones announced. */
  onMismatch(): void;
}

/** Less than this is sooner sent again than gone on with. */
const worthKeeping = 64 * 1024;
const rehashBuffer = 1024 * 1024;

/**
 * An upload is one temporary file of its own. One that stopped is renamed to a name that follows from
 * the upload's name, so that any process can go on with it; whoever goes on renames it back first,
 * and since a rename succeeds for only one, two never write to the same file.
 */
export async function openUpload(
  site: UploadSite,
  name: string,
  digest: Digest,
  offset: number,
): Promise<Upload> {
  const temporary = site.layout.temporaryFile(randomUUID());
  try {
    await site.space.expectRoomFor(digest.sizeBytes - offset);
    await site.space.take(0, 1);
    if (offset > 0) return await resume(site, name, digest, temporary, offset);
    const hasher = await newHasher(digest.digestFunction);
    const handle = await createNew(temporary, blobMode);
    return new FileUpload(site, keptPath(site.layout, name), digest, temporary, handle, hasher, 0);
  } catch (error) {
    throw await site.space.writeFailed(error, 'beginning an upload');
  }
}

/** Bytes kept of an upload that stopped; 0 when nothing is. */
export async function committedSize(layout: Layout, name: string): Promise<number> {
  try {
    return (await lstat(keptPath(layout, name))).size;
  } catch (error) {
    if (isAbsent(error)) return 0;
    throw volumeError(error, 'looking for an upload');
  }
}

/** Names are the client's words: only their hash becomes a path. */
function keptPath(layout: Layout, name: string): string {
  return layout.keptUpload(hashOf('sha256', Buffer.from(name)));
}

async function resume(
  site: UploadSite,
  name: string,
  digest: Digest,
  temporary: string,
  offset: number,
): Promise<Upload> {
  const kept = keptPath(site.layout, name);
  const size = await committedSize(site.layout, name);
  if (size !== offset) {
    throw new CacheError(
      'failed-precondition',
      `write_offset is ${offset}, but ${size} bytes of this upload are committed; ask QueryWriteStatus and go on from there`,
    );
  }
  try {
    await rename(kept, temporary);
  } catch (error) {
    if (isAbsent(error))
      throw new CacheError('aborted', 'another call goes on with this upload; ask QueryWriteStatus', {
        cause: error,
      });
    throw error;
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, constants.O_RDWR | constants.O_NOFOLLOW);
    const hasher = await newHasher(digest.digestFunction);
    await rehash(handle, hasher, offset);
    return new FileUpload(site, kept, digest, temporary, handle, hasher, offset);
  } catch (error) {
    await handle?.close().catch(() => {});
    await discard(temporary).catch(() => {});
    throw error;
  }
}

/** The hash of what came earlier is not kept beside the file: the file itself is the only state. */
async function rehash(handle: FileHandle, hasher: Hasher, size: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(rehashBuffer);
  for (let position = 0; position < size;) {
    const count = await readFully(
      handle,
      buffer.subarray(0, Math.min(buffer.length, size - position)),
      position,
    );
    if (count === 0) throw new CacheError('aborted', 'what was kept of this upload is gone; start anew');
    hasher.update(buffer.subarray(0, count));
    position += count;
  }
}

class FileUpload implements Upload {
  receivedBytes: number;
  readonly #site: UploadSite;
  readonly #kept: string;
  readonly #digest: Digest;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #hasher: Hasher;
  /** Of the space, by this call. */
  #takenBytes = 0;

  constructor(
    site: UploadSite,
    kept: string,
    digest: Digest,
    temporary: string,
    handle: FileHandle,
    hasher: Hasher,
    received: number,
  ) {
    this.#site = site;
    this.#kept = kept;
    this.#digest = digest;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#hasher = hasher;
    this.receivedBytes = received;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.receivedBytes + chunk.length > this.#digest.sizeBytes) {
      throw this.#noted(
        mismatch(`more than the ${this.#digest.sizeBytes} bytes that the digest announces were sent`),
      );
    }
    try {
      await this.#site.space.take(chunk.length, 0);
      this.#takenBytes += chunk.length;
      await writeFully(this.#handle, chunk, this.receivedBytes);
    } catch (error) {
      throw await this.#site.space.writeFailed(error, 'storing an upload');
    }
    this.#hasher.update(chunk);
    this.receivedBytes += chunk.length;
  }

  async finish(): Promise<void> {
    let isNew = false;
    try {
      // On network volumes it is close() that says whether the bytes have arrived.
      await this.#handle.close();
      const wrong = mismatchOf(this.#digest, this.receivedBytes, () => this.#hasher.digest('hex'));
      if (wrong !== undefined) throw this.#noted(wrong);
      isNew = await this.#site.publish(this.#temporary, this.#digest);
    } catch (error) {
      await discard(this.#temporary).catch(() => {});
      throw await this.#site.space.writeFailed(error, 'storing an upload');
    } finally {
      this.#site.space.settle(this.#takenBytes, isNew ? blobName(this.#digest) : undefined);
    }
  }

  async leave(resumable: boolean): Promise<number> {
    try {
      await this.#handle.close();
      if (resumable && this.#site.keepsUploads && this.receivedBytes >= worthKeeping) {
        await rename(this.#temporary, this.#kept);
        return this.receivedBytes;
      }
      await discard(this.#temporary);
      return 0;
    } catch (error) {
      await discard(this.#temporary).catch(() => {});
      throw volumeError(error, 'leaving an upload');
    } finally {
      this.#site.space.settle(this.#takenBytes);
    }
  }

  #noted(wrong: CacheError): CacheError {
    this.#site.onMismatch();
    return wrong;
  }
}
