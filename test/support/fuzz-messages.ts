import * as fc from 'fast-check';
import {
  FetchBlobRequest,
  PushDirectoryRequest,
} from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  BatchReadBlobsRequest,
  BatchUpdateBlobsRequest,
  FindMissingBlobsRequest,
  GetActionResultRequest,
  GetCapabilitiesRequest,
  GetTreeRequest,
  SpliceBlobRequest,
  SplitBlobRequest,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { GetReferenceRequest, UpdateReferenceRequest } from '../../src/gen/buildstream/v2/buildstream.ts';
import { ReadRequest, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { outputFile, resultOf } from './action-samples.ts';
import { fetchRequest, pushRequest, secondsFromNow } from './assets.ts';
import { allMethods } from './fuzz-raw.ts';
import { type Blob, downloadName, uploadName } from './wire.ts';

/** A valid message of each kind about this blob, most of which mean something at several methods. */
export function validMessages(blob: Blob): Uint8Array[] {
  const { digest, data } = blob;
  const common = { instanceName: 'main/a', digestFunction: 1 as const };
  const named = { ...common, qualifiers: [{ name: 'resource_type', value: 'x' }] };
  return [
    ReadRequest.encode({ resourceName: downloadName(blob), readOffset: 3n, readLimit: 5n }),
    WriteRequest.encode({ resourceName: uploadName(blob), writeOffset: 0n, finishWrite: true, data }),
    FindMissingBlobsRequest.encode({ ...common, blobDigests: [digest, digest] }),
    BatchReadBlobsRequest.encode({ ...common, digests: [digest], acceptableCompressors: [0, 1] }),
    BatchUpdateBlobsRequest.encode({ ...common, requests: [{ digest, data, compressor: 0 }] }),
    GetTreeRequest.encode({ ...common, rootDigest: digest, pageSize: 7, pageToken: 'x' }),
    SplitBlobRequest.encode({ ...common, blobDigest: digest, chunkingFunction: 1 }),
    SpliceBlobRequest.encode({ ...common, blobDigest: digest, chunkDigests: [digest], chunkingFunction: 1 }),
    GetReferenceRequest.encode({ instanceName: 'main', key: 'project/element/key' }),
    UpdateReferenceRequest.encode({ instanceName: 'main', keys: ['project/element/key'], digest }),
    GetCapabilitiesRequest.encode({ instanceName: 'main' }),
    GetActionResultRequest.encode({
      ...common,
      actionDigest: digest,
      inlineStdout: true,
      inlineStderr: true,
      inlineOutputFiles: ['out/file'],
    }),
    UpdateActionResultRequest.encode({
      ...common,
      actionDigest: digest,
      actionResult: resultOf({ outputFiles: [outputFile('out/file', digest)], stdoutDigest: digest }),
      resultsCachePolicy: { priority: 1 },
    }),
    FetchBlobRequest.encode(
      fetchRequest(['urn:a', 'urn:b'], { ...named, oldestContentAccepted: secondsFromNow(-9) }),
    ),
    PushDirectoryRequest.encode({
      ...pushRequest(['urn:a', 'urn:b'], {
        ...named,
        expireAt: secondsFromNow(9),
        referencesBlobs: [digest],
        referencesDirectories: [digest],
      }),
      rootDirectoryDigest: digest,
    }),
  ].map((writer) => writer.finish());
}

const edit = fc.record({
  at: fc.nat(),
  bytes: fc.uint8Array({ maxLength: 12 }),
  removed: fc.nat({ max: 8 }),
});

/** One of these with up to three places changed: bytes put in, and bytes taken out. */
export function editedMessage(valid: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.nat(), fc.array(edit, { maxLength: 3 })).map(([index, edits]) =>
    edits.reduce(
      (bytes, { at, bytes: inserted, removed }) => {
        const position = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, position), inserted, bytes.subarray(position + removed)]);
      },
      Buffer.from(valid[index % valid.length] ?? []),
    ),
  );
}

/** Bytes at random, or those of a valid message with some changed, as one to three messages of any method but one that never ends. */
export function anyMessages(
  valid: readonly Uint8Array[],
): fc.Arbitrary<{ path: string; messages: Uint8Array[] }> {
  const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const methods = [...allMethods.filter((method) => !method.endsWith('/Watch')), reflection];
  const message = fc.oneof(fc.uint8Array({ maxLength: 200 }), editedMessage(valid), editedMessage(valid));
  return fc.record({
    path: fc.constantFrom(...methods),
    messages: fc.array(message, { minLength: 1, maxLength: 3 }),
  });
}

/** These with bytes put in somewhere, and cut. */
export function edited(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(bytes, fc.nat(), fc.uint8Array({ maxLength: 4 }))
    .map(([whole, at, put]) =>
      Buffer.concat([whole.subarray(0, at % (whole.length + 1)), put, whole.subarray(at % 97)]),
    );
}
