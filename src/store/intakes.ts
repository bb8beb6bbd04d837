import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Intake } from '../core/blob-store.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import { blobMode, createNew, discard, writeFully } from './durable-file.ts';
import { type Hasher, newHasher } from './hashing.ts';
import { mismatch } from './integrity.ts';
import type { UploadSite } from './uploads.ts';
import { volumeError } from './volume-error.ts';

/** Begins an upload whose size is known only at its end. `hash`: what its bytes have to give, if that is known. */
export async function openIntake(
  site: UploadSite,
  digestFunction: DigestFunction,
  hash: string | undefined,
): Promise<Intake> {
  const temporary = site.layout.temporaryFile(randomUUID());
  try {
    await site.space.take(0, 1);
    const hasher = await newHasher(digestFunction);
    return new FileIntake(
      site,
      digestFunction,
      hash,
      hasher,
      temporary,
      await createNew(temporary, blobMode),
    );
  } catch (error) {
    throw volumeError(error, 'beginning an upload');
  }
}

class FileIntake implements Intake {
  #receivedBytes = 0;
  readonly #site: UploadSite;
  readonly #digestFunction: DigestFunction;
  readonly #hash: string | undefined;
  readonly #hasher: Hasher;
  readonly #temporary: string;
  readonly #handle: FileHandle;

  constructor(
    site: UploadSite,
    digestFunction: DigestFunction,
    hash: string | undefined,
    hasher: Hasher,
    temporary: string,
    handle: FileHandle,
  ) {
    this.#site = site;
    this.#digestFunction = digestFunction;
    this.#hash = hash;
    this.#hasher = hasher;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      await this.#site.space.take(chunk.length, 0);
      await writeFully(this.#handle, chunk, this.#receivedBytes);
    } catch (error) {
      throw volumeError(error, 'storing an upload');
    }
    this.#hasher.update(chunk);
    this.#receivedBytes += chunk.length;
  }

  async finish(): Promise<Digest> {
    try {
      // On network volumes it is close() that says whether the bytes have arrived.
      await this.#handle.close();
      const hash = this.#hasher.digest('hex');
      if (this.#hash !== undefined && hash !== this.#hash) {
        this.#site.onMismatch();
        throw mismatch(`the bytes sent have the hash ${hash}, not ${this.#hash}`);
      }
      const digest = digestOf(hash, this.#receivedBytes, this.#digestFunction);
      await this.#site.publish(this.#temporary, digest);
      return digest;
    } catch (error) {
      await discard(this.#temporary).catch(() => {});
      throw volumeError(error, 'storing an upload');
    }
  }

  async leave(): Promise<void> {
    try {
      await this.#handle.close();
      await discard(this.#temporary);
    } catch (error) {
      throw volumeError(error, 'leaving an upload');
    }
  }
}
