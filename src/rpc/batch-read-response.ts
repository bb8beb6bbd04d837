import {
  type BatchReadBlobsResponse,
  type BatchReadBlobsResponse_Response,
  type ContentAddressableStorageDefinition,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { Status } from '../gen/google/rpc/status.ts';
import { prefixBytes } from '../grpc/message-frame.ts';
import { lengthOfDigest, writeDigest } from './digest-writing.ts';
import { fieldLength, varintLength, writeHead } from './field-writing.ts';

const [responseTag, digestTag, dataTag, statusTag, compressorTag] = [0x0a, 0x0a, 0x12, 0x1a, 0x20];
const noBytes = new Uint8Array();

/**
 * The same service, whose answers with many blobs are written in one go, into memory that is as long as they are. The generated code makes a
 * message of each response first, and a longer buffer again and again.
 */
export function withBatchReadInOneGo(
  definition: ContentAddressableStorageDefinition,
): ContentAddressableStorageDefinition {
  const { batchReadBlobs } = definition.methods;
  const responseType = { ...batchReadBlobs.responseType, encodeWithRoom: batchReadBytes };
  return {
    ...definition,
    methods: { ...definition.methods, batchReadBlobs: { ...batchReadBlobs, responseType } },
  };
}

/** A response, and how many bytes it is. */
interface Measured {
  readonly response: BatchReadBlobsResponse_Response;
  readonly status: Uint8Array;
  readonly length: number;
}

/** With room before it (MessageType.encodeWithRoom). */
function batchReadBytes({ responses }: BatchReadBlobsResponse): Uint8Array {
  const measured = responses.map(measure);
  let total = 0;
  for (const { length } of measured) total += 1 + varintLength(length) + length;
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + total);
  let at = prefixBytes;
  for (const each of measured) at = write(bytes, at, each);
  return bytes.subarray(prefixBytes);
}

function measure(response: BatchReadBlobsResponse_Response): Measured {
  const { digest, data, status, compressor } = response;
  const statusBytes = status === undefined || status.code === 0 ? noBytes : Status.encode(status).finish();
  const length =
    (digest === undefined ? 0 : fieldLength(lengthOfDigest(digest))) +
    (data.length === 0 ? 0 : fieldLength(data.length)) +
    (status === undefined ? 0 : fieldLength(statusBytes.length)) +
    (compressor === 0 ? 0 : 1 + varintLength(compressor));
  return { response, status: statusBytes, length };
}

function write(bytes: Buffer, from: number, { response, status, length }: Measured): number {
  const { digest, data, compressor } = response;
  let at = writeHead(bytes, from, responseTag, length);
  if (digest !== undefined) at = writeDigest(bytes, at, digestTag, digest);
  if (data.length > 0) {
    at = writeHead(bytes, at, dataTag, data.length);
    bytes.set(data, at);
    at += data.length;
  }
  if (response.status !== undefined) {
    at = writeHead(bytes, at, statusTag, status.length);
    bytes.set(status, at);
    at += status.length;
  }
  return compressor === 0 ? at : writeHead(bytes, at, compressorTag, compressor);
}
