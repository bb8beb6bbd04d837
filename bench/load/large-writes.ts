// Uploads by ByteStream, as calls of a sequence.
import { zstdCompressSync } from 'node:zlib';
import { WriteRequest, WriteResponse } from '../../src/gen/google/bytestream/bytestream.ts';
import { type Blob, uploadName } from '../../test/support/wire.ts';
import { grpcFrame } from './grpc-frame.ts';
import type { PreparedCall } from './prepared-call.ts';

/** As clients of BuildStream 1.6 send them. */
const messageBytes = 1024 ** 2;

export function writeOf(blob: Blob): PreparedCall {
  return writeCall(uploadName(blob), blob.data);
}

/** Of a blob that travels compressed. */
export function zstdWriteOf(blob: Blob): PreparedCall {
  const { resourceName, data } = compressedUpload(blob);
  return writeCall(resourceName, data);
}

/** How a blob is uploaded compressed, at the level that the library has by default. */
export function compressedUpload(blob: Blob): { resourceName: string; data: Buffer } {
  const resourceName = uploadName(blob).replace('/blobs/', '/compressed-blobs/zstd/');
  return { resourceName, data: zstdCompressSync(blob.data) };
}

function writeCall(resourceName: string, data: Uint8Array): PreparedCall {
  const frames: Buffer[] = [];
  for (let offset = 0; offset < data.length; offset += messageBytes) {
    const message = WriteRequest.encode({
      resourceName: offset === 0 ? resourceName : '',
      writeOffset: BigInt(offset),
      finishWrite: offset + messageBytes >= data.length,
      data: data.subarray(offset, offset + messageBytes),
    }).finish();
    frames.push(grpcFrame(message));
  }
  return {
    path: '/google.bytestream.ByteStream/Write',
    body: Buffer.concat(frames),
    judge(reply) {
      const { committedSize } = WriteResponse.decode(reply);
      if (committedSize !== BigInt(data.length)) throw new Error(`${committedSize} bytes were committed`);
    },
  };
}
