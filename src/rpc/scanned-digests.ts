import type { UncheckedDigest } from '../core/digest.ts';
import { type DigestRows, hashBytes } from '../core/packed-digests.ts';
import { hashTag, sizeAt, takeHex } from '../core/digest-bytes.ts';
import type {
  BatchReadBlobsRequest,
  ContentAddressableStorageDefinition,
  Digest,
  FindMissingBlobsRequest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** Field 2 of the requests that ask for many digests. */
const digestsTag = 0x12;
/** Of a digest, its tag and its length. */
const leastRowBytes = 2 + 2 + 2 * hashBytes;
const rowsOf = Symbol('the digests of a request, in rows');

/** The requests that ask for many digests. */
type ManyDigests = FindMissingBlobsRequest | BatchReadBlobsRequest;

/** A request whose digests stand in rows, if they are written as clients write them; its list has none then. */
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
  return {
    ...definition,
    methods: {
      ...definition.methods,
      findMissingBlobs: {
        ...findMissingBlobs,
        requestType: {
          ...findMissingBlobs.requestType,
          decode: scanning(findMissingBlobs.requestType, (request) => request.blobDigests),
        },
      },
      batchReadBlobs: {
        ...batchReadBlobs,
        requestType: {
          ...batchReadBlobs.requestType,
          decode: scanning(batchReadBlobs.requestType, (request) => request.digests),
        },
      },
    },
  };
}

/** The rows of a request for many digests; undefined where its list has them. */
export function scannedRows(request: ManyDigests): DigestRows | undefined {
  return (request as WithRows)[rowsOf];
}

/** An object for each. */
export function* digestsOf(rows: DigestRows): Generator<Digest & UncheckedDigest> {
  for (let index = 0; index < rows.length; index++)
    yield { hash: rows.hash(index), sizeBytes: BigInt(rows.sizes[index] ?? 0), isLowerHex: true };
}

function scanning<T extends ManyDigests>(
  type: { decode(bytes: Uint8Array): T },
  digestsIn: (request: T) => Digest[],
) {
  return (input: Parameters<typeof type.decode>[0]): T => {
    const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    const begin = bytes[0] === 0x0a && (bytes[1] ?? 0) < 0x80 ? 2 + (bytes[1] ?? 0) : 0;
    const { rows, end } = scan(bytes, begin);
    if (rows.length === 0) return type.decode(input);
    // What is not in these rows is for the generated code, which gets all if there are digests among it, in their order.
    const request = type.decode(Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]));
    if (digestsIn(request).length > 0) return type.decode(input);
    (request as WithRows)[rowsOf] = rows;
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
  // The byte that tells its length comes first.
  const beginOf = (index: number): number => (hashesAt[index] ?? 0) - 3;
  const endOf = (index: number): number => beginOf(index) + 1 + (bytes[beginOf(index)] ?? 0);
  const fieldLength = (index: number): number => 1 + endOf(index) - beginOf(index);
  const writeField = (index: number, tag: number, to: Uint8Array, toAt: number): number => {
    let next = toAt;
    to[next++] = tag;
    const end = endOf(index);
    // Of so few bytes, a call that copies them costs more.
    for (let from = beginOf(index); from < end; from++) to[next++] = bytes[from] ?? 0;
    return next;
  };
  return {
    rows: { length: sizes.length, hashes, sizes, hash, written, fieldLength, writeField },
    end: at,
  };
}
