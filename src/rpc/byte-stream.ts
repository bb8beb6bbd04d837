import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Observer } from '../core/observer.ts';
import { parseDownloadName, parseUploadName } from '../core/resource-name.ts';
import { zstdCompressed } from '../core/zstd.ts';
import type { ByteStreamDefinition, ReadRequest, ReadResponse } from '../gen/google/bytestream/bytestream.ts';
import { writeMethod } from './byte-stream-write.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';
import { wireOffset } from './request-checks.ts';

const service = 'ByteStream';

/** google.bytestream.ByteStream: blobs of any size, one at a time. */
export function byteStreamService(
  blobs: BlobStore,
  observer: Observer,
): Handlers<ByteStreamDefinition, CallContext> {
  async function* read(request: ReadRequest, { caller, signal }: CallContext): AsyncGenerator<ReadResponse> {
    const { digest, compressor } = parseDownloadName(request.resourceName);
    const offset = wireOffset(request.readOffset, 'read_offset');
    if (offset > digest.sizeBytes) {
      throw new CacheError(
        'out-of-range',
        `read_offset ${offset} is behind the end of the blob, which has ${digest.sizeBytes} bytes`,
      );
    }
    if (request.readLimit < 0n)
      throw new CacheError('invalid-argument', `read_limit is negative: ${request.readLimit}`);
    if (request.readLimit > 0n && compressor === 'zstd')
      throw new CacheError(
        'invalid-argument',
        'read_limit has no meaning for compressed blobs; leave it out',
      );
    const left = digest.sizeBytes - offset;
    const length = request.readLimit === 0n || request.readLimit > left ? left : Number(request.readLimit);
    const reading = await blobs.read(digest, offset, length).catch((error: unknown) => {
      if (error instanceof CacheError && error.kind === 'not-found')
        observer.lookedUp('read', caller.tool, 0, 1);
      throw error;
    });
    observer.lookedUp('read', caller.tool, 1, 0);
    for await (const data of compressor === 'zstd'
      ? zstdCompressed(reading.reusing(), signal)
      : reading.reusing()) {
      yield { data };
      observer.sent(service, caller.listener, data.length);
    }
  }

  return {
    read,
    write: writeMethod(blobs, observer),
    async queryWriteStatus(request) {
      const { digest } = parseUploadName(request.resourceName);
      if ((await blobs.findMissing([digest])).length === 0) {
        return { committedSize: BigInt(digest.sizeBytes), complete: true };
      }
      return { committedSize: BigInt(await blobs.committedSize(request.resourceName)), complete: false };
    },
  };
}
