import type {
  ContentAddressableStorageDefinition,
  FindMissingBlobsResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { prefixBytes } from '../grpc/message-frame.ts';
import { fieldLength } from './field-writing.ts';
import { lengthOfDigest, writeDigest } from './digest-writing.ts';

const digestsTag = 0x12;

/** The same service, whose answers with many digests are written in one go, into memory that is as long as they are. */
export function withFindMissingInOneGo(
  definition: ContentAddressableStorageDefinition,
): ContentAddressableStorageDefinition {
  const { findMissingBlobs } = definition.methods;
  const responseType = { ...findMissingBlobs.responseType, encodeWithRoom: findMissingBytes };
  return {
    ...definition,
    methods: { ...definition.methods, findMissingBlobs: { ...findMissingBlobs, responseType } },
  };
}

/** With room before it (MessageType.encodeWithRoom). */
function findMissingBytes({ missingBlobDigests: digests }: FindMissingBlobsResponse): Uint8Array {
  let length = 0;
  for (const digest of digests) length += fieldLength(lengthOfDigest(digest));
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + length);
  let at = prefixBytes;
  for (const digest of digests) at = writeDigest(bytes, at, digestsTag, digest);
  return bytes.subarray(prefixBytes);
}
