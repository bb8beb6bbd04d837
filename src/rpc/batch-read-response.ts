import {
  type BatchReadBlobsResponse,
  type BatchReadBlobsResponse_Response,
  type ContentAddressableStorageDefinition,
  type Digest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { Status } from '../gen/google/rpc/status.ts';
import { prefixBytes } from '../grpc/message-frame.ts';

const [responseTag, digestTag, dataTag, statusTag, compressorTag] = [0x0a, 0x0a, 0x12, 0x1a, 0x20];
const [hashTag, sizeTag] = [0x0a, 0x10];
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

/** A response, and how many bytes its parts are. */
interface Measured {
  readonly response: BatchReadBlobsResponse_Response;
  readonly digestLength: number;
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
  const digestLength = digest === undefined ? 0 : lengthOfDigest(digest);
  const length =
    (digest === undefined ? 0 : fieldLength(digestLength)) +
    (data.length === 0 ? 0 : fieldLength(data.length)) +
    (status === undefined ? 0 : fieldLength(statusBytes.length)) +
    (compressor === 0 ? 0 : 1 + varintLength(compressor));
  return { response, digestLength, status: statusBytes, length };
}

/** Hashes are hex here: as many bytes as characters. */
function lengthOfDigest({ hash, sizeBytes }: Digest): number {
  return fieldLength(hash.length) + (sizeBytes === 0n ? 0 : 1 + varintLength(Number(sizeBytes)));
}

function write(bytes: Buffer, from: number, { response, digestLength, status, length }: Measured): number {
  const { digest, data, compressor } = response;
  let at = writeHead(bytes, from, responseTag, length);
  if (digest !== undefined) {
    at = writeHead(bytes, at, digestTag, digestLength);
    at = writeHead(bytes, at, hashTag, digest.hash.length);
    at += bytes.write(digest.hash, at, 'latin1');
    if (digest.sizeBytes !== 0n) at = writeHead(bytes, at, sizeTag, Number(digest.sizeBytes));
  }
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

/** A field of so many bytes with its tag and its length. */
function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}

/** A tag and the number behind it. */
function writeHead(bytes: Buffer, from: number, tag: number, number: number): number {
  let at = from;
  bytes[at++] = tag;
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

function varintLength(number: number): number {
  let length = 1;
  for (let rest = number; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
