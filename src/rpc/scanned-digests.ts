import type { UncheckedDigest } from '../core/digest.ts';
import type {
  ContentAddressableStorageDefinition,
  Digest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** Field 2 of the requests that ask for many digests, and the fields of a Digest, as all clients write them. */
const [digestsTag, hashTag, sizeTag] = [0x12, 0x0a, 0x10];
/** Sizes of at most so many bytes are no longer than a number can be, exactly. */
const mostSizeBytes = 7;
/** 1 for the bytes that lower-case hex has. */
const lowerHex = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9a-f]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

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

function scanning<T>(type: { decode(bytes: Uint8Array): T }, digestsOf: (request: T) => Digest[]) {
  return (input: Parameters<typeof type.decode>[0]): T => {
    const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    const begin = bytes[0] === 0x0a && (bytes[1] ?? 0) < 0x80 ? 2 + (bytes[1] ?? 0) : 0;
    const digests: Digest[] = [];
    const end = scan(bytes, begin, digests);
    // What is not in that row is for the generated code, which gets digests too if there are more: all of them then, in their order.
    const request = type.decode(Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]));
    const others = digestsOf(request);
    if (others.length > 0) return type.decode(input);
    for (const digest of digests) others.push(digest);
    return request;
  };
}

/** Reads digests from there on, and says where something else begins. */
function scan(bytes: Buffer, begin: number, digests: Digest[]): number {
  let at = begin;
  while (bytes[at] === digestsTag) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    const hashLength = bytes[at + 3] ?? 0;
    const hashEnd = at + 4 + hashLength;
    // A length of more than 127 has a second byte.
    if ((bytes[at + 1] ?? 0) > 0x7f || hashLength > 0x7f || end > bytes.length) break;
    if (bytes[at + 2] !== hashTag || hashEnd > end) break;
    const size = hashEnd === end ? 0 : sizeAt(bytes, hashEnd, end);
    if (size === undefined) break;
    if (!isLowerHex(bytes, at + 4, hashEnd)) break;
    const digest: Digest & UncheckedDigest = {
      hash: bytes.toString('latin1', at + 4, hashEnd),
      sizeBytes: BigInt(size),
      isLowerHex: true,
    };
    digests.push(digest);
    at = end;
  }
  return at;
}

function isLowerHex(bytes: Buffer, begin: number, end: number): boolean {
  let isHex = 1;
  for (let at = begin; at < end; at++) isHex &= lowerHex[bytes[at] ?? 0] ?? 0;
  return isHex === 1;
}

/** The size that fills the rest of a digest; undefined where something else does. */
function sizeAt(bytes: Buffer, tagAt: number, end: number): number | undefined {
  if (bytes[tagAt] !== sizeTag || end - tagAt - 1 > mostSizeBytes) return undefined;
  let size = 0;
  for (let [at, factor] = [tagAt + 1, 1]; at < end; at++, factor *= 0x80) {
    const byte = bytes[at] ?? 0;
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) return at === end - 1 ? size : undefined;
  }
  return undefined;
}
