import type { UncheckedDigest } from '../core/digest.ts';
import { type DigestRows, hashBytes } from '../core/packed-digests.ts';
import { hashTag, sizeAt, takeHex } from '../core/digest-bytes.ts';
import type {
  ContentAddressableStorageDefinition,
  Digest,
  FindMissingBlobsRequest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** Field 2 of the requests that ask for many digests. */
const digestsTag = 0x12;
/** Of a digest, its tag and its length. */
const leastRowBytes = 2 + 2 + 2 * hashBytes;
const rowsOf = Symbol('the digests of a request, in rows');

/** A request whose digests stand in rows, if they are written as clients write them; `blobDigests` has none then. */
interface WithRows {
  [rowsOf]?: DigestRows;
}

/**
 * The same service, whose requests for many digests are read in one go where they are written as clients write them. The generated code, which
 * takes everything that a message may be, needs three times as long for a digest.
 */
export function withScannedDigests(
  definition: ContentAddressableStorageDefinition,
): ContentAddressableStorageDefinition {
  const { findMissingBlobs, batchReadBlobs } = definition.methods;
  const inRows = (request: FindMissingBlobsRequest, rows: DigestRows): void => {
    (request as WithRows)[rowsOf] = rows;
  };
  return {
    ...definition,
    methods: {
      ...definition.methods,
      findMissingBlobs: {
        ...findMissingBlobs,
        requestType: {
          ...findMissingBlobs.requestType,
          decode: scanning(findMissingBlobs.requestType, (request) => request.blobDigests, inRows),
        },
      },
      batchReadBlobs: {
        ...batchReadBlobs,
        requestType: {
          ...batchReadBlobs.requestType,
          decode: scanning(
            batchReadBlobs.requestType,
            (request) => request.digests,
            (request, rows) => {
              for (const digest of digestsOf(rows)) request.digests.push(digest);
            },
          ),
        },
      },
    },
  };
}

/** The rows of a request for many digests; undefined where `blobDigests` has them. */
export function scannedRows(request: FindMissingBlobsRequest): DigestRows | undefined {
  return (request as WithRows)[rowsOf];
}

/** An object for each. */
export function* digestsOf(rows: DigestRows): Generator<Digest & UncheckedDigest> {
  for (let index = 0; index < rows.length; index++)
    yield { hash: rows.hash(index), sizeBytes: BigInt(rows.sizes[index] ?? 0), isLowerHex: true };
}

function scanning<T>(
  type: { decode(bytes: Uint8Array): T },
  digestsIn: (request: T) => Digest[],
  take: (request: T, rows: DigestRows) => void,
) {
  return (input: Parameters<typeof type.decode>[0]): T => {
    const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    const begin = bytes[0] === 0x0a && (bytes[1] ?? 0) < 0x80 ? 2 + (bytes[1] ?? 0) : 0;
    const { rows, end } = scan(bytes, begin);
    if (rows.length === 0) return type.decode(input);
    // What is not in these rows is for the generated code, which gets all if there are digests among it, in their order.
    const request = type.decode(Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]));
    if (digestsIn(request).length > 0) return type.decode(input);
    take(request, rows);
    return request;
  };
}

/** Reads digests from there on, and says where something else begins. */
function scan(bytes: Buffer, begin: number): { rows: DigestRows; end: number } {
  const hashLength = bytes[begin + 3] ?? 0;
  const hashes = new Uint8Array(Math.floor((bytes.length - begin) / leastRowBytes) * hashBytes);
  const hashesAt: number[] = [];
  const sizes: number[] = [];
  let at = begin;
  while (bytes[at] === digestsTag) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    const hashEnd = at + 4 + hashLength;
    // A length of more than 127 has a second byte.
    if ((bytes[at + 1] ?? 0) > 0x7f || hashLength > 0x7f || end > bytes.length) break;
    if (hashLength !== 2 * hashBytes) break;
    if (bytes[at + 2] !== hashTag || bytes[at + 3] !== hashLength || hashEnd > end) break;
    const size = hashEnd === end ? 0 : sizeAt(bytes, hashEnd, end);
    if (size === undefined) break;
    const hashAt = sizes.length * hashBytes;
    if (!takeHex(bytes, at + 4, hashes, hashAt, hashAt + hashBytes)) break;
    hashesAt.push(at + 4);
    sizes.push(size);
    at = end;
  }
  const hash = (index: number): string => {
    const hashAt = hashesAt[index] ?? 0;
    return bytes.toString('latin1', hashAt, hashAt + hashLength);
  };
  const written = (first: number, last: number): Uint8Array =>
    bytes.subarray((hashesAt[first] ?? 0) - 4, (hashesAt[last + 1] ?? at + 4) - 4);
  return { rows: { length: sizes.length, hashes, sizes, hash, written }, end: at };
}
