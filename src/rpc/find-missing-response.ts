import type { DigestRows } from '../core/packed-digests.ts';
import type {
  ContentAddressableStorageDefinition,
  FindMissingBlobsResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { prefixBytes } from '../grpc/message-frame.ts';
import { fieldLength } from './field-writing.ts';
import { lengthOfDigest, writeDigest } from './digest-writing.ts';

const digestsTag = 0x12;
const missingRows = Symbol('the digests of a response, as rows of its request');

/** A response whose digests are rows of its request; `missingBlobDigests` has none then. */
interface WithRows {
  [missingRows]?: { readonly rows: DigestRows; readonly missing: readonly number[] };
}

/** Requests and responses write digests in the same way, in the same field: what is missing is given back as it came. `missing` rises. */
export function missingOf(rows: DigestRows, missing: readonly number[]): FindMissingBlobsResponse {
  return { missingBlobDigests: [], [missingRows]: { rows, missing } } satisfies FindMissingBlobsResponse &
    WithRows as FindMissingBlobsResponse;
}

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
function findMissingBytes(response: FindMissingBlobsResponse): Uint8Array {
  const inRows = (response as WithRows)[missingRows];
  if (inRows !== undefined) return copied(inRows.rows, inRows.missing);
  const { missingBlobDigests: digests } = response;
  let length = 0;
  for (const digest of digests) length += fieldLength(lengthOfDigest(digest));
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + length);
  let at = prefixBytes;
  for (const digest of digests) at = writeDigest(bytes, at, digestsTag, digest);
  return bytes.subarray(prefixBytes);
}

function copied(rows: DigestRows, missing: readonly number[]): Uint8Array {
  const runs: Uint8Array[] = [];
  for (let begin = 0; begin < missing.length;) {
    const first = missing[begin] ?? 0;
    let end = begin + 1;
    while (missing[end] === first + end - begin) end++;
    runs.push(rows.written(first, first + end - begin - 1));
    begin = end;
  }
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + runs.reduce((sum, run) => sum + run.length, 0));
  let at = prefixBytes;
  for (const run of runs) {
    bytes.set(run, at);
    at += run.length;
  }
  return bytes.subarray(prefixBytes);
}
