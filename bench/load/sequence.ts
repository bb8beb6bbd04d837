// What the calls of a sequence are. Made before they are sent: hashing must not slow the sender down.
import { randomBytes } from 'node:crypto';
import { outputFile, resultOf } from '../../test/support/actions.ts';
import { type Blob, blobOf } from '../../test/support/wire.ts';
import {
  ActionResult,
  BatchUpdateBlobsRequest,
  BatchUpdateBlobsResponse,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { grpcFrame } from './grpc-frame.ts';
import { largeBlob, largeText } from './large-blobs.ts';
import { writeOf, zstdWriteOf } from './large-writes.ts';
import type { PreparedCall } from './prepared-call.ts';

export const batchOfBlobs = { count: 500, bytes: 1024 };

/** Makes the calls of one sequence, with content that no server has seen. */
export const makeSequence = {
  'batch-update': () => [batchUpdate(newBlobs())],
  'batch-update-named': () => {
    const blobs = newBlobs();
    return [batchUpdate(blobs), nameThem(blobs)];
  },
  write: () => [writeOf(largeBlob())],
  'write-zstd': () => [zstdWriteOf(largeText())],
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
