import type { DigestRows } from '../core/packed-digests.ts';
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

const answeredRows = Symbol('the responses to the rows of a request');

/** What is answered to one digest of a request: the bytes of the blob, as they are, or anything else. */
export type RowAnswer = Uint8Array | BatchReadBlobsResponse_Response;

/** A response to a request in rows; `responses` has none then. */
interface WithRows {
  [answeredRows]?: { readonly rows: DigestRows; readonly answers: readonly RowAnswer[] };
}

/** Requests and responses write digests in the same way: each is given back as it came. */
export function answersTo(rows: DigestRows, answers: readonly RowAnswer[]): BatchReadBlobsResponse {
  return { responses: [], [answeredRows]: { rows, answers } } satisfies BatchReadBlobsResponse &
    WithRows as BatchReadBlobsResponse;
}

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
function batchReadBytes(response: BatchReadBlobsResponse): Uint8Array {
  const inRows = (response as WithRows)[answeredRows];
  if (inRows !== undefined) return rowBytes(inRows.rows, inRows.answers);
  const measured = response.responses.map(measure);
  let total = 0;
  for (const { length } of measured) total += fieldLength(length);
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + total);
  let at = prefixBytes;
  for (const each of measured) at = write(bytes, at, each);
  return bytes.subarray(prefixBytes);
}

function rowBytes(rows: DigestRows, answers: readonly RowAnswer[]): Uint8Array {
  const parts = answers.map((answer) => (answer instanceof Uint8Array ? answer : measure(answer)));
  let total = 0;
  for (let row = 0; row < parts.length; row++) total += fieldLength(lengthOf(rows, row, parts[row]));
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + total);
  let at = prefixBytes;
  for (let row = 0; row < parts.length; row++) {
    const part = parts[row] ?? noBytes;
    at = part instanceof Uint8Array ? writeRow(bytes, at, rows, row, part) : write(bytes, at, part);
  }
  return bytes.subarray(prefixBytes);
}

function lengthOf(rows: DigestRows, row: number, part: Uint8Array | Measured = noBytes): number {
  return part instanceof Uint8Array ? lengthOfRow(rows, row, part) : part.length;
}

/** The length of a response with the bytes of a blob, its status one without an error. */
function lengthOfRow(rows: DigestRows, row: number, data: Uint8Array): number {
  return rows.fieldLength(row) + (data.length === 0 ? 0 : fieldLength(data.length)) + fieldLength(0);
}

function writeRow(bytes: Buffer, from: number, rows: DigestRows, row: number, data: Uint8Array): number {
  let at = writeHead(bytes, from, responseTag, lengthOfRow(rows, row, data));
  at = rows.writeField(row, digestTag, bytes, at);
  if (data.length > 0) {
    at = writeHead(bytes, at, dataTag, data.length);
    bytes.set(data, at);
    at += data.length;
  }
  return writeHead(bytes, at, statusTag, 0);
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
