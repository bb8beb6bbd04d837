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
import type { Space, UploadRoom } from './space.ts';
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
  const kept = keptPath(site.layout, name);
  const goesOn = offset > 0;
  let room: UploadRoom | undefined;
  try {
    // Before room is asked for: what is kept is given up where there is none.
    if (goesOn) await goOn(kept, temporary, await committedSize(site.layout, name), offset);
    try {
      room = await site.space.beginUpload(digest.sizeBytes - offset);
    } catch (error) {
      if (goesOn) await rename(temporary, kept);
      throw error;
    }
    const hasher = await newHasher(digest.digestFunction);
    const handle = goesOn ? await reopen(temporary, hasher, offset) : await createNew(temporary, blobMode);
    return new FileUpload(site, room, kept, digest, temporary, handle, hasher, offset);
  } catch (error) {
    room?.settle();
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

/** What was kept is ours alone from here on. */
async function goOn(kept: string, temporary: string, size: number, offset: number): Promise<void> {
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
}

async function reopen(temporary: string, hasher: Hasher, size: number): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, constants.O_RDWR | constants.O_NOFOLLOW);
    await rehash(handle, hasher, size);
    return handle;
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
  readonly #room: UploadRoom;

  constructor(
    site: UploadSite,
    room: UploadRoom,
    kept: string,
    digest: Digest,
    temporary: string,
    handle: FileHandle,
    hasher: Hasher,
    received: number,
  ) {
    this.#site = site;
    this.#room = room;
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
      await this.#room.take(chunk.length);
      const written = writeFully(this.#handle, chunk, this.receivedBytes);
      // While another thread writes.
      this.#hasher.update(chunk);
      await written;
    } catch (error) {
      throw await this.#site.space.writeFailed(error, 'storing an upload');
    }
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
      this.#room.settle(isNew ? blobName(this.#digest) : undefined);
    }
  }

  async leave(resumable: boolean): Promise<number> {
    try {
      await this.#handle.close();
      if (resumable && this.#site.keepsUploads && this.receivedBytes >= worthKeeping) {
        await rename(this.#temporary, this.#kept);
        this.#room.keep();
        return this.receivedBytes;
      }
      await discard(this.#temporary);
      return 0;
    } catch (error) {
      await discard(this.#temporary).catch(() => {});
      throw volumeError(error, 'leaving an upload');
    } finally {
      this.#room.settle();
    }
  }

  #noted(wrong: CacheError): CacheError {
    this.#site.onMismatch();
    return wrong;
  }
}
