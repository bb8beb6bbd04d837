import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { BlobIntake, BlobIntakes } from '../core/blob-intake.ts';
import { blobName, type Digest, digestOf } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import { blobMode, createNew, discard, writeFully } from './durable-file.ts';
import { type Hasher, newHasher } from './hashing.ts';
import type { UploadRoom } from './space.ts';
import type { UploadSite } from './uploads.ts';
import { volumeError } from './volume-error.ts';

type IntakeSite = Pick<UploadSite, 'layout' | 'space' | 'publish'>;

/** Blobs that come in without a digest: a temporary file each, as uploads have, never to be gone on with. */
export function volumeIntakes(site: IntakeSite): BlobIntakes {
  return {
    async begin(digestFunction, expectedBytes) {
      const temporary = site.layout.temporaryFile(randomUUID());
      let room: UploadRoom | undefined;
      try {
        room = await site.space.beginUpload(expectedBytes);
        const hasher = await newHasher(digestFunction);
        const handle = await createNew(temporary, blobMode);
        return new FileIntake(site, digestFunction, temporary, handle, hasher, room);
      } catch (error) {
        room?.settle();
        throw await site.space.writeFailed(error, 'beginning an upload');
      }
    },
  };
}

class FileIntake implements BlobIntake {
  readonly #site: IntakeSite;
  readonly #digestFunction: DigestFunction;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #hasher: Hasher;
  readonly #room: UploadRoom;
  #receivedBytes = 0;
  #digest: Digest | undefined;

  constructor(
    site: IntakeSite,
    digestFunction: DigestFunction,
    temporary: string,
    handle: FileHandle,
    hasher: Hasher,
    room: UploadRoom,
  ) {
    this.#site = site;
    this.#digestFunction = digestFunction;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#hasher = hasher;
    this.#room = room;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      await this.#room.take(chunk.length);
      const written = writeFully(this.#handle, chunk, this.#receivedBytes);
      // While another thread writes.
      this.#hasher.update(chunk);
      await written;
    } catch (error) {
      throw await this.#site.space.writeFailed(error, 'storing an upload');
    }
    this.#receivedBytes += chunk.length;
  }

  async seal(): Promise<Digest> {
    try {
      // On network volumes it is close() that says whether the bytes have arrived.
      await this.#handle.close();
    } catch (error) {
      throw volumeError(error, 'storing an upload');
    }
    this.#digest = digestOf(this.#hasher.digest('hex'), this.#receivedBytes, this.#digestFunction);
    return this.#digest;
  }

  async publish(): Promise<void> {
    if (this.#digest === undefined) throw new Error('publish() was called before seal()');
    try {
      const isNew = await this.#site.publish(this.#temporary, this.#digest);
      this.#room.settle(isNew ? blobName(this.#digest) : undefined);
    } catch (error) {
      throw await this.#site.space.writeFailed(error, 'storing an upload');
    }
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await discard(this.#temporary).catch(() => {});
    this.#room.settle();
  }
}
