import type { CallContext } from 'nice-grpc-common';
import type { BlobStore, Upload } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Observer } from '../core/observer.ts';
import { parseDownloadName, parseUploadName, type ResourceName } from '../core/resource-name.ts';
import type {
  ByteStreamServiceImplementation,
  ReadRequest,
  ReadResponse,
  WriteRequest,
} from '../gen/google/bytestream/bytestream.ts';
import type { WithCaller } from './caller.ts';
import { wireOffset } from './request-checks.ts';

const service = 'ByteStream';

/** google.bytestream.ByteStream: blobs of any size, one at a time. */
export function byteStreamService(
  blobs: BlobStore,
  observer: Observer,
): ByteStreamServiceImplementation<WithCaller> {
  async function* read(request: ReadRequest, { caller }: WithCaller): AsyncGenerator<ReadResponse> {
    const { digest } = uncompressed(parseDownloadName(request.resourceName));
    const offset = wireOffset(request.readOffset, 'read_offset');
    if (offset > digest.sizeBytes) {
      throw new CacheError(
        'out-of-range',
        `read_offset ${offset} is behind the end of the blob, which has ${digest.sizeBytes} bytes`,
      );
    }
    if (request.readLimit < 0n)
      throw new CacheError('invalid-argument', `read_limit is negative: ${request.readLimit}`);
    const left = digest.sizeBytes - offset;
    const length = request.readLimit === 0n || request.readLimit > left ? left : Number(request.readLimit);
    const reading = await blobs.read(digest, offset, length).catch((error: unknown) => {
      if (error instanceof CacheError && error.kind === 'not-found') observer.lookedUp('read', 0, 1);
      throw error;
    });
    observer.lookedUp('read', 1, 0);
    for await (const data of reading) {
      yield { data };
      observer.sent(service, caller.role, data.length);
    }
  }

  /** The first message says what is coming; undefined when there is nothing to receive, for the blob is here. */
  async function begin(first: WriteRequest): Promise<Upload | undefined> {
    const { digest } = uncompressed(parseUploadName(first.resourceName));
    const offset = wireOffset(first.writeOffset, 'write_offset');
    if ((await blobs.findMissing([digest])).length === 0) return undefined;
    if (offset > digest.sizeBytes) {
      throw new CacheError(
        'failed-precondition',
        `write_offset ${offset} is behind the end of the blob, which has ${digest.sizeBytes} bytes`,
      );
    }
    return await blobs.openUpload(first.resourceName, digest, offset);
  }

  async function write(
    requests: AsyncIterable<WriteRequest>,
    context: CallContext & WithCaller,
  ): Promise<{ committedSize: bigint }> {
    let resourceName = '';
    let upload: Upload | undefined;
    let ended = false;
    try {
      for await (const request of requests) {
        if (upload === undefined) {
          resourceName = request.resourceName;
          upload = await begin(request);
          if (upload === undefined)
            return { committedSize: BigInt(parseUploadName(resourceName).digest.sizeBytes) };
        }
        checkContinues(request, resourceName, upload);
        await upload.write(request.data);
        observer.received(service, context.caller.role, request.data.length);
        if (request.finishWrite) {
          ended = true;
          await upload.finish();
          return { committedSize: BigInt(upload.receivedBytes) };
        }
      }
      if (upload === undefined)
        throw new CacheError(
          'invalid-argument',
          'the upload has no message; the first one names the resource',
        );
      ended = true;
      return { committedSize: BigInt(await upload.leave(true)) };
    } catch (error) {
      // A connection that broke may come back and go on; bytes that are wrong may not.
      if (upload !== undefined && !ended) await upload.leave(!(error instanceof CacheError));
      throw error;
    }
  }

  return {
    read,
    write,
    async queryWriteStatus(request) {
      const { digest } = uncompressed(parseUploadName(request.resourceName));
      if ((await blobs.findMissing([digest])).length === 0) {
        return { committedSize: BigInt(digest.sizeBytes), complete: true };
      }
      return { committedSize: BigInt(await blobs.committedSize(request.resourceName)), complete: false };
    },
  };
}

function uncompressed(name: ResourceName): ResourceName {
  if (name.compressor === 'identity') return name;
  throw new CacheError('unimplemented', 'compressed blobs are not offered here; use blobs/<hash>/<size>');
}

function checkContinues(request: WriteRequest, resourceName: string, upload: Upload): void {
  if (request.resourceName !== '' && request.resourceName !== resourceName) {
    throw new CacheError('failed-precondition', 'the resource name changes in the middle of an upload');
  }
  if (request.writeOffset !== BigInt(upload.receivedBytes)) {
    throw new CacheError(
      'failed-precondition',
      `write_offset is ${request.writeOffset}, but ${upload.receivedBytes} bytes have been received; nothing was stored`,
    );
  }
}
