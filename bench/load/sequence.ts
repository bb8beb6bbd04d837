// What the calls of a sequence are. Made before they are sent: hashing must not slow the sender down.
import { randomBytes, randomFillSync } from 'node:crypto';
import { outputFile, resultOf } from '../../test/support/actions.ts';
import { type Blob, blobOf, uploadName } from '../../test/support/wire.ts';
import {
  ActionResult,
  BatchUpdateBlobsRequest,
  BatchUpdateBlobsResponse,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { WriteRequest, WriteResponse } from '../../src/gen/google/bytestream/bytestream.ts';
import { grpcFrame } from './grpc-frame.ts';

/** One call. */
export interface PreparedCall {
  /** `/package.Service/Method`. */
  path: string;
  /** Its messages, framed. */
  body: Buffer;
  /** Throws when that is not the answer of a call that did what it should. Called when nothing is timed. */
  judge(reply: Uint8Array): void;
}

export const batchOfBlobs = { count: 500, bytes: 1024 };
export const largeBlobBytes = 64 * 1024 ** 2;
/** As clients of BuildStream 1.6 send them. */
const messageBytes = 1024 ** 2;

/** Makes the calls of one sequence, with content that no server has seen. */
export const makeSequence = {
  'batch-update': () => [batchUpdate(newBlobs())],
  'batch-update-named': () => {
    const blobs = newBlobs();
    return [batchUpdate(blobs), nameThem(blobs)];
  },
  write: () => [writeOf(newLargeBlob())],
} satisfies Record<string, () => PreparedCall[]>;

export type SequenceName = keyof typeof makeSequence;

function newBlobs(): Blob[] {
  return Array.from({ length: batchOfBlobs.count }, () => blobOf(randomBytes(batchOfBlobs.bytes)));
}

function batchUpdate(blobs: readonly Blob[]): PreparedCall {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const message = BatchUpdateBlobsRequest.encode({ instanceName: '', requests, digestFunction: 0 }).finish();
  return {
    path: '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs',
    body: grpcFrame(message),
    judge(reply) {
      const { responses } = BatchUpdateBlobsResponse.decode(reply);
      const stored = responses.filter(({ status }) => (status?.code ?? 0) === 0).length;
      if (stored !== blobs.length) throw new Error(`of ${blobs.length} blobs ${stored} were stored`);
    },
  };
}

/** An action result that leads to all of them. */
function nameThem(blobs: readonly Blob[]): PreparedCall {
  const outputFiles = blobs.map((blob, index) => outputFile(`out/${index}`, blob));
  const message = UpdateActionResultRequest.encode({
    instanceName: '',
    actionDigest: blobOf(randomBytes(32)).digest,
    actionResult: resultOf({ outputFiles }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  }).finish();
  return {
    path: '/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult',
    body: grpcFrame(message),
    judge(reply) {
      const { length } = ActionResult.decode(reply).outputFiles;
      if (length !== blobs.length) throw new Error(`of ${blobs.length} files ${length} are in the answer`);
    },
  };
}

let unrepeated: Buffer | undefined;

/** Random where it counts: making 64 MiB of randomness each time would take longer than sending it. */
function newLargeBlob(): Blob {
  unrepeated ??= randomBytes(largeBlobBytes);
  const data = Buffer.from(unrepeated);
  for (let offset = 0; offset < data.length; offset += messageBytes) {
    randomFillSync(data, offset, 32);
  }
  return blobOf(data);
}

function writeOf(blob: Blob): PreparedCall {
  const resourceName = uploadName(blob);
  const frames: Buffer[] = [];
  for (let offset = 0; offset < blob.data.length; offset += messageBytes) {
    const message = WriteRequest.encode({
      resourceName: offset === 0 ? resourceName : '',
      writeOffset: BigInt(offset),
      finishWrite: offset + messageBytes >= blob.data.length,
      data: blob.data.subarray(offset, offset + messageBytes),
    }).finish();
    frames.push(grpcFrame(message));
  }
  return {
    path: '/google.bytestream.ByteStream/Write',
    body: Buffer.concat(frames),
    judge(reply) {
      const { committedSize } = WriteResponse.decode(reply);
      if (committedSize !== blob.digest.sizeBytes) throw new Error(`${committedSize} bytes were committed`);
    },
  };
}
