import { constants, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { BatchUpdateBlobsRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReadRequest, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { bytestream, type Calls, cas, compressors, one, someDigests } from './fuzz-calls.ts';
import { wireSizes } from './fuzz-digests.ts';
import type { Blob } from './wire.ts';

const params = {
  params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 },
};

/** Streams of zstd, and what is none: whole, cut, edited, several in one, with a window or a length that nobody would allow. */
export function compressedBytes(blobs: readonly Blob[]): fc.Arbitrary<Buffer> {
  const frames = [
    ...blobs.map(({ data }) => zstdCompressSync(data)),
    zstdCompressSync(Buffer.alloc(3_000_000)),
    zstdCompressSync(Buffer.from('long'), params),
    // A frame to be skipped, one that says that it is to be and is not there, and the beginning of one.
    Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]),
    Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  ];
  const frame = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...frames) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  );
  return fc
    .record({
      parts: fc.array(frame, { maxLength: 3 }),
      at: fc.nat(),
      put: fc.uint8Array({ maxLength: 4 }),
      cut: fc.nat(),
    })
    .map(({ parts, at, put, cut }) => {
      const whole = Buffer.concat(parts);
      const position = at % (whole.length + 1);
      const edited =
        at % 3 === 0 ? Buffer.concat([whole.subarray(0, position), put, whole.subarray(position)]) : whole;
      return cut % 4 === 0 ? edited.subarray(0, cut % (edited.length + 1)) : edited;
    });
}

/** By compressed streams. */
export function compressedCalls(blobs: readonly Blob[]): Calls {
  const digest = someDigests(blobs);
  const uuid = fc.constantFrom(
    '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    '00000000-0000-4000-8000-000000000000',
  );
  const write = fc.record({
    digest,
    uuid,
    data: compressedBytes(blobs),
    step: fc.constantFrom(1, 7, 1000, 10 ** 6),
  });
  const requests = fc.array(fc.record({ digest, data: compressedBytes(blobs), compressor: compressors }), {
    maxLength: 3,
  });
  return fc.oneof(
    write.map(({ digest: { hash, sizeBytes }, uuid, data, step }) => ({
      path: `${bytestream}/Write`,
      messages: pieces(data, step).map(([offset, piece, last]) =>
        WriteRequest.encode({
          resourceName: `uploads/${uuid}/compressed-blobs/zstd/${hash}/${sizeBytes}`,
          writeOffset: BigInt(offset),
          finishWrite: last,
          data: piece,
        }).finish(),
      ),
    })),
    fc
      .record({ digest, readOffset: wireSizes, readLimit: wireSizes })
      .map(({ digest: { hash, sizeBytes }, ...fields }) =>
        one(
          `${bytestream}/Read`,
          ReadRequest.encode({ ...fields, resourceName: `compressed-blobs/zstd/${hash}/${sizeBytes}` }),
        ),
      ),
    requests.map((asked) =>
      one(
        `${cas}/BatchUpdateBlobs`,
        BatchUpdateBlobsRequest.encode({ instanceName: '', requests: asked, digestFunction: 0 }),
      ),
    ),
  );
}

/** At most ten pieces: where each begins, its bytes, and whether it is the last. */
function pieces(data: Buffer, step: number): [offset: number, piece: Buffer, last: boolean][] {
  const size = Math.max(step, Math.ceil(data.length / 10), 1);
  const count = Math.max(1, Math.ceil(data.length / size));
  return Array.from({ length: count }, (_, index) => [
    index * size,
    data.subarray(index * size, (index + 1) * size),
    index === count - 1,
  ]);
}
