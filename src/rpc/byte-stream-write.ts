import type { BlobStore, Upload } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayUpload } from '../core/push-permissions.ts';
import { parseUploadName, type ResourceName } from '../core/resource-name.ts';
import { zstdDecompressed } from '../core/zstd.ts';
import type { WriteRequest, WriteResponse } from '../gen/google/bytestream/bytestream.ts';
import type { CallContext } from './call-context.ts';
import { wireOffset } from './request-checks.ts';

/**
 * ByteStream.Write. What a client has sent when its connection breaks is kept for a while; for a compressed
 * upload that is what could be decompressed of it, since offsets are those of the blob (REAPI, ByteStream).
 */
export function writeMethod(blobs: BlobStore, observer: Observer) {
  /** Undefined when there is nothing to receive, for the blob is here. */
  async function begin(payloads: Payloads, { digest }: ResourceName): Promise<Upload | undefined> {
    const offset = wireOffset(payloads.nextOffset, 'write_offset');
    if (await blobs.has(digest)) return undefined;
    if (offset > digest.sizeBytes) {
      throw new CacheError(
        'failed-precondition',
        `write_offset ${offset} is behind the end of the blob, which has ${digest.sizeBytes} bytes`,
      );
    }
    return await blobs.openUpload(payloads.resourceName, digest, offset);
  }

  async function* noted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes;
    } catch (error) {
      if (error instanceof CacheError && error.kind === 'digest-mismatch') observer.uploadMismatched();
      throw error;
    }
  }

  return async function write(
    requests: AsyncIterable<WriteRequest>,
    { caller, signal }: CallContext,
  ): Promise<WriteResponse> {
    const payloads = await firstOf(requests, (bytes) => {
      observer.received('ByteStream', caller.listener, bytes);
      caller.stream.messageDone(true);
    });
    const name = parseUploadName(payloads.resourceName);
    expectMayUpload(caller.scopes, name.instanceName);
    const upload = await begin(payloads, name);
    if (upload === undefined) {
      await payloads.unwanted();
      // How many bytes another client's compressed form had says nothing about this one's.
      return { committedSize: name.compressor === 'zstd' ? -1n : BigInt(name.digest.sizeBytes) };
    }
    let ended = false;
    try {
      const bytes = name.compressor === 'zstd' ? noted(zstdDecompressed(payloads, signal)) : payloads;
      for await (const data of bytes) await upload.write(data);
      ended = true;
      if (!payloads.finished) return { committedSize: BigInt(await upload.leave(true)) };
      await upload.finish();
      return { committedSize: payloads.nextOffset };
    } catch (error) {
      // A connection that broke may come back and go on; bytes that are wrong may not.
      if (!ended) await upload.leave(!(error instanceof CacheError));
      throw error;
    }
  };
}

/** A function of its own, so that nothing but the payloads knows the first message, and keeps it in memory. */
async function firstOf(
  requests: AsyncIterable<WriteRequest>,
  onStored: (bytes: number) => void,
): Promise<Payloads> {
  const rest = requests[Symbol.asyncIterator]();
  const { value: first } = (await rest.next()) as { value: WriteRequest | undefined };
  if (first === undefined)
    throw new CacheError('invalid-argument', 'the upload has no message; the first one names the resource');
  return new Payloads(first, rest, onStored);
}

/** The bytes of an upload's messages, each message checked to go on where the one before it ended. */
class Payloads implements AsyncIterable<Uint8Array> {
  /** Of the blob, as the first message names it. */
  readonly resourceName: string;
  /** Whether the client has said that there is no more. */
  finished = false;
  /** What the next message has to say as its offset: that of the first, and all bytes as they came since. */
  nextOffset: bigint;
  /** Only until it has its turn: an upload may last for hours, and its first message is as long as any. */
  #first: WriteRequest | undefined;
  readonly #rest: AsyncIterator<WriteRequest>;
  readonly #onStored: (bytes: number) => void;

  /** `onStored` hears of each message that is not needed any more, with its payload. */
  constructor(first: WriteRequest, rest: AsyncIterator<WriteRequest>, onStored: (bytes: number) => void) {
    this.#first = first;
    this.resourceName = first.resourceName;
    this.#rest = rest;
    this.#onStored = onStored;
    this.nextOffset = first.writeOffset;
  }

  /** Instead of iterating: nobody needs the bytes. */
  async unwanted(): Promise<void> {
    await this.#rest.return?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      let request = this.#first;
      this.#first = undefined;
      while (request !== undefined) {
        this.#checkContinues(request);
        this.nextOffset += BigInt(request.data.length);
        this.finished = request.finishWrite;
        yield request.data;
        this.#onStored(request.data.length);
        if (this.finished) return;
        ({ value: request } = (await this.#rest.next()) as { value: WriteRequest | undefined });
      }
    } finally {
      await this.#rest.return?.();
    }
  }

  #checkContinues({ resourceName, writeOffset }: WriteRequest): void {
    if (resourceName !== '' && resourceName !== this.resourceName) {
      throw new CacheError('failed-precondition', 'the resource name changes in the middle of an upload');
    }
    if (writeOffset !== this.nextOffset) {
      throw new CacheError(
        'failed-precondition',
        `write_offset is ${writeOffset}, but ${this.nextOffset} bytes have been received; nothing was stored`,
      );
    }
  }
}
