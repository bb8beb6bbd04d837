// Calls about many small blobs at once, as calls of a sequence.
import { randomBytes } from 'node:crypto';
import {
  ActionResult,
  BatchReadBlobsRequest,
  BatchReadBlobsResponse,
  BatchUpdateBlobsRequest,
  BatchUpdateBlobsResponse,
  FindMissingBlobsRequest,
  FindMissingBlobsResponse,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputFile, resultOf } from '../../test/support/actions.ts';
import { type Blob, blobOf } from '../../test/support/wire.ts';
import { grpcFrame } from './grpc-frame.ts';
import type { PreparedCall } from './prepared-call.ts';

const storage = '/build.bazel.remote.execution.v2.ContentAddressableStorage';

export function batchUpdateOf(blobs: readonly Blob[]): PreparedCall {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const message = BatchUpdateBlobsRequest.encode({ instanceName: '', requests, digestFunction: 0 }).finish();
  return {
    path: `${storage}/BatchUpdateBlobs`,
    body: grpcFrame(message),
    judge(reply) {
      const { responses } = BatchUpdateBlobsResponse.decode(reply);
      const stored = responses.filter(({ status }) => (status?.code ?? 0) === 0).length;
      if (stored !== blobs.length) throw new Error(`of ${blobs.length} blobs ${stored} were stored`);
    },
  };
}

export function batchReadOf(blobs: readonly Blob[]): PreparedCall {
  const message = BatchReadBlobsRequest.encode({
    instanceName: '',
    digests: blobs.map(({ digest }) => digest),
    acceptableCompressors: [],
    digestFunction: 0,
  }).finish();
  return {
    path: `${storage}/BatchReadBlobs`,
    body: grpcFrame(message),
    judge(reply) {
      const { responses } = BatchReadBlobsResponse.decode(reply);
      const whole = responses.filter(({ digest, data }) => BigInt(data.length) === digest?.sizeBytes).length;
      if (whole !== blobs.length) throw new Error(`of ${blobs.length} blobs ${whole} were given`);
    },
  };
}

/** Of what is all there. */
export function findMissingOf(blobs: readonly Blob[]): PreparedCall {
  const message = FindMissingBlobsRequest.encode({
    instanceName: '',
    blobDigests: blobs.map(({ digest }) => digest),
    digestFunction: 0,
  }).finish();
  return {
    path: `${storage}/FindMissingBlobs`,
    body: grpcFrame(message),
    judge(reply) {
      const { length } = FindMissingBlobsResponse.decode(reply).missingBlobDigests;
      if (length > 0) throw new Error(`of ${blobs.length} blobs ${length} are said to be missing`);
    },
  };
}

/** An action result that leads to all of them. */
export function updateActionResultOf(blobs: readonly Blob[]): PreparedCall {
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
