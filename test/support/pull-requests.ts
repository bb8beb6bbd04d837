import {
  FetchBlobRequest,
  FetchDirectoryRequest,
  PushBlobRequest,
  PushDirectoryRequest,
} from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  BatchReadBlobsRequest,
  BatchUpdateBlobsRequest,
  FindMissingBlobsRequest,
  GetActionResultRequest,
  GetTreeRequest,
  SpliceBlobRequest,
  SplitBlobRequest,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { GetReferenceRequest, UpdateReferenceRequest } from '../../src/gen/buildstream/v2/buildstream.ts';
import {
  QueryWriteStatusRequest,
  ReadRequest,
  WriteRequest,
} from '../../src/gen/google/bytestream/bytestream.ts';
import type { SampleAction } from './action-samples.ts';
import { fetchRequest, pushRequest } from './assets.ts';
import { type Blob, downloadName, uploadName } from './wire.ts';

/** What requests are about. */
export interface Subjects {
  /** Some that are there, some that are not, some in disorder. */
  readonly blobs: readonly Blob[];
  readonly keys: readonly string[];
  readonly uris: readonly string[];
  readonly actions: readonly Pick<SampleAction, 'actionDigest' | 'result'>[];
  /** Names of uploads that may be gone on with. */
  readonly uploads: readonly string[];
}

const common = { instanceName: '', digestFunction: 0 as const };
const inlining = { inlineStdout: true, inlineStderr: true, inlineOutputFiles: ['out/file'] };

/** Well-formed requests of every kind, as bytes, that do all that can be done with these. */
export function requestsAbout(subjects: Subjects): Uint8Array[] {
  const { blobs, keys, uris, actions, uploads } = subjects;
  return [
    ...blobs.flatMap((blob) => aboutBlob(blob, uris)),
    ...keys.map((key) => GetReferenceRequest.encode({ instanceName: '', key })),
    ...keys.flatMap((key) =>
      blobs.map(({ digest }) =>
        UpdateReferenceRequest.encode({ instanceName: '', keys: [key, 'another/key'], digest }),
      ),
    ),
    FetchBlobRequest.encode(fetchRequest(uris, {})),
    FetchDirectoryRequest.encode(fetchRequest(uris, {})),
    ...actions.flatMap(({ actionDigest, result }) => [
      GetActionResultRequest.encode({ ...common, ...inlining, actionDigest }),
      UpdateActionResultRequest.encode({
        ...common,
        actionDigest,
        actionResult: result,
        resultsCachePolicy: undefined,
      }),
    ]),
    ...uploads.flatMap((resourceName) => [
      QueryWriteStatusRequest.encode({ resourceName }),
      WriteRequest.encode({ resourceName, writeOffset: 70_000n, finishWrite: true, data: Buffer.alloc(9) }),
    ]),
  ].map((writer) => writer.finish());
}

function aboutBlob(blob: Blob, uris: readonly string[]) {
  const { digest, data } = blob;
  const otherSize = { ...blob, digest: { ...digest, sizeBytes: digest.sizeBytes + 1n } };
  const both = [digest, otherSize.digest];
  const unchunked = { ...common, blobDigest: digest, chunkingFunction: 0 as const };
  return [
    ...[blob, otherSize].map((each) =>
      ReadRequest.encode({ resourceName: downloadName(each), readOffset: 0n, readLimit: 0n }),
    ),
    WriteRequest.encode({ resourceName: uploadName(blob), writeOffset: 0n, finishWrite: true, data }),
    QueryWriteStatusRequest.encode({ resourceName: uploadName(blob) }),
    FindMissingBlobsRequest.encode({ ...common, blobDigests: both }),
    BatchReadBlobsRequest.encode({ ...common, digests: both, acceptableCompressors: [1] }),
    BatchUpdateBlobsRequest.encode({ ...common, requests: [{ digest, data, compressor: 0 }] }),
    GetTreeRequest.encode({ ...common, rootDigest: digest, pageSize: 1, pageToken: '' }),
    SplitBlobRequest.encode({ ...unchunked, chunkingFunction: 1 }),
    SpliceBlobRequest.encode({ ...unchunked, chunkDigests: [digest] }),
    PushBlobRequest.encode({ ...pushRequest(uris, {}), blobDigest: digest }),
    PushDirectoryRequest.encode({ ...pushRequest(uris, {}), rootDirectoryDigest: digest }),
    GetActionResultRequest.encode({ ...common, ...inlining, actionDigest: digest }),
  ];
}
