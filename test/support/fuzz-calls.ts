// Calls in order as messages, whose fields have whatever a field can have; by kind of what is in them.
import * as fc from 'fast-check';
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
  GetCapabilitiesRequest,
  GetTreeRequest,
  SpliceBlobRequest,
  SplitBlobRequest,
  UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  GetReferenceRequest,
  StatusRequest,
  UpdateReferenceRequest,
} from '../../src/gen/buildstream/v2/buildstream.ts';
import {
  QueryWriteStatusRequest,
  ReadRequest,
  WriteRequest,
} from '../../src/gen/google/bytestream/bytestream.ts';
import { outputDirectory, outputFile, resultOf } from './action-samples.ts';
import { fetchRequest, pushRequest } from './assets.ts';
import { digestsNear, wireSizes } from './fuzz-digests.ts';
import { anyName, mutated, validNames } from './fuzz-names.ts';
import type { Blob } from './wire.ts';

/** A call with its messages. */
export interface FuzzedCall {
  readonly path: string;
  readonly messages: readonly Uint8Array[];
}

/** Any of several calls. */
export type Calls = fc.Arbitrary<FuzzedCall>;

const api = '/build.bazel.remote.execution.v2';
export const cas = `${api}.ContentAddressableStorage`;
const asset = '/build.bazel.remote.asset.v1';
const references = '/buildstream.v2.ReferenceStorage';
export const bytestream = '/google.bytestream.ByteStream';

const instances = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('', '', 'main', 'main/a') },
  { weight: 1, arbitrary: mutated(['main/a']) },
  { weight: 1, arbitrary: anyName },
);
const digestFunctions = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(0, 0, 1) },
  { weight: 1, arbitrary: fc.constantFrom(2, 3, 5, 6, 9, 10, -1, 2 ** 31 - 1) },
) as fc.Arbitrary<0>;
const chunkingFunctions = fc.constantFrom(0, 1, 2, 3, 7, -1) as fc.Arbitrary<0>;
export const compressors = fc.constantFrom(0, 0, 1, 1, 2, 3, -1) as fc.Arbitrary<0>;
const timestamps = fc.oneof(
  { weight: 10, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.record({ seconds: wireSizes, nanos: fc.integer() }) },
);
const smallBytes = fc.uint8Array({ maxLength: 60 });

/** Mostly right: a call of several would hardly ever get past the first check. */
export function someDigests(blobs: readonly Blob[]) {
  return digestsNear(
    blobs.map((blob) => blob.digest),
    40,
  );
}

/** A call of one message. */
export function one(path: string, writer: { finish(): Uint8Array }): FuzzedCall {
  return { path, messages: [writer.finish()] };
}

/** By resource names. */
export function namingCalls(blobs: readonly [Blob, ...Blob[]]): Calls {
  const names = fc.oneof(anyName, mutated(validNames(blobs)));
  const offsets = fc.oneof(fc.constant(0n), wireSizes);
  const data = fc.oneof(fc.constantFrom(...blobs.map((blob) => Buffer.from(blob.data))), smallBytes);
  return fc.oneof(
    fc
      .record({ resourceName: names, readOffset: offsets, readLimit: offsets })
      .map((fields) => one(`${bytestream}/Read`, ReadRequest.encode(fields))),
    fc
      .record({ resourceName: names, writeOffset: offsets, finishWrite: fc.boolean(), data })
      .map((fields) => one(`${bytestream}/Write`, WriteRequest.encode(fields))),
    names.map((resourceName) =>
      one(`${bytestream}/QueryWriteStatus`, QueryWriteStatusRequest.encode({ resourceName })),
    ),
  );
}

/** By digests. */
export function digestCalls(blobs: readonly Blob[]): Calls {
  const digest = someDigests(blobs);
  const digests = fc.array(digest, { maxLength: 6 });
  const common = { instanceName: instances, digestFunction: digestFunctions };
  const update = fc.record({ digest, data: smallBytes, compressor: compressors });
  return fc.oneof(
    fc
      .record({ ...common, blobDigests: digests })
      .map((fields) => one(`${cas}/FindMissingBlobs`, FindMissingBlobsRequest.encode(fields))),
    fc
      .record({ ...common, digests, acceptableCompressors: fc.array(compressors, { maxLength: 3 }) })
      .map((fields) => one(`${cas}/BatchReadBlobs`, BatchReadBlobsRequest.encode(fields))),
    fc
      .record({ ...common, requests: fc.array(update, { maxLength: 4 }) })
      .map((fields) => one(`${cas}/BatchUpdateBlobs`, BatchUpdateBlobsRequest.encode(fields))),
    fc
      .record({
        ...common,
        rootDigest: fc.option(digest, { nil: undefined }),
        pageSize: fc.integer(),
        pageToken: fc.oneof(fc.constant(''), anyName),
      })
      .map((fields) => one(`${cas}/GetTree`, GetTreeRequest.encode(fields))),
  );
}

/** By keys of references, and by instance names. */
export function referenceCalls(root: Blob): Calls {
  const keys = fc.oneof(
    fc.stringMatching(/^[a-c]\/[a-c](\/[a-c]){0,2}$/),
    mutated(['project/element/0123456789abcdef']),
    anyName,
  );
  const common = { instanceName: instances };
  return fc.oneof(
    fc
      .record({ ...common, key: keys })
      .map((fields) => one(`${references}/GetReference`, GetReferenceRequest.encode(fields))),
    fc
      .record({ ...common, keys: fc.array(keys, { maxLength: 4 }), digest: someDigests([root]) })
      .map((fields) => one(`${references}/UpdateReference`, UpdateReferenceRequest.encode(fields))),
    fc.record(common).map((fields) => one(`${references}/Status`, StatusRequest.encode(fields))),
    fc
      .record(common)
      .map((fields) => one(`${api}.Capabilities/GetCapabilities`, GetCapabilitiesRequest.encode(fields))),
  );
}

/** By URIs and qualifiers of assets. */
export function assetCalls(blob: Blob): Calls {
  const digest = someDigests([blob]);
  const uris = fc.array(
    fc.oneof(
      fc.constantFrom('urn:a', 'urn:b', 'urn:fdc:buildstream.build:2020:v1:p/e/k', 'https://localhost/x'),
      mutated(['urn:fdc:buildstream.build:2020:artifact:p/e/k', 'urn:fdc:buildstream.build:2020:v1:p/e/k']),
      anyName,
    ),
    { maxLength: 4 },
  );
  const word = fc.oneof(
    fc.constantFrom(
      'checksum.sri',
      'resource_type',
      'http_header:x',
      'http_header_url:0:x',
      'bazel.auth_headers',
    ),
    fc.constantFrom('vcs.branch', '', '__proto__', 'sha256-', '{"a":{}}', '{', '[]', 'null'),
    mutated(['sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']),
    anyName,
  );
  const qualifiers = fc.array(fc.record({ name: word, value: word }), { maxLength: 2 });
  const common = { uris, instanceName: instances, qualifiers, digestFunction: digestFunctions };
  const fetched = fc
    .record({ ...common, timeout: timestamps, oldestContentAccepted: timestamps })
    .map(({ uris, ...fields }) => fetchRequest(uris, fields));
  const digests = fc.array(digest, { maxLength: 3 });
  const pushed = fc
    .record({ ...common, expireAt: timestamps, referencesBlobs: digests, referencesDirectories: digests })
    .map(({ uris, ...fields }) => pushRequest(uris, fields));
  const optional = fc.option(digest, { nil: undefined });
  return fc.oneof(
    fetched.map((fields) => one(`${asset}.Fetch/FetchBlob`, FetchBlobRequest.encode(fields))),
    fetched.map((fields) => one(`${asset}.Fetch/FetchDirectory`, FetchDirectoryRequest.encode(fields))),
    fc
      .tuple(pushed, optional)
      .map(([fields, blobDigest]) =>
        one(`${asset}.Push/PushBlob`, PushBlobRequest.encode({ ...fields, blobDigest })),
      ),
    fc
      .tuple(pushed, optional)
      .map(([fields, rootDirectoryDigest]) =>
        one(`${asset}.Push/PushDirectory`, PushDirectoryRequest.encode({ ...fields, rootDirectoryDigest })),
      ),
  );
}

/** Results of actions whose outputs are about these blobs, and about none. */
export function actionResults(blobs: readonly Blob[]) {
  const digest = fc.option(someDigests(blobs), { nil: undefined, freq: 20 });
  const file = fc
    .record({ path: anyName, digest, contents: fc.option(smallBytes, { nil: undefined }) })
    .map(({ path, digest, contents }) => outputFile(path, digest, contents));
  const directory = fc
    .record({ path: anyName, tree: digest, root: digest })
    .map(({ path, ...digests }) => outputDirectory(path, digests));
  const link = fc.record({ path: anyName, target: anyName, nodeProperties: fc.constant(undefined) });
  return fc
    .record({
      outputFiles: fc.array(file, { maxLength: 3 }),
      outputDirectories: fc.array(directory, { maxLength: 2 }),
      outputSymlinks: fc.array(link, { maxLength: 2 }),
      exitCode: fc.integer(),
      stdoutRaw: smallBytes,
      stdoutDigest: digest,
      stderrDigest: digest,
    })
    .map(resultOf);
}

/** By results of actions. */
export function actionCalls(blobs: readonly Blob[]): Calls {
  const digest = someDigests(blobs);
  const common = { instanceName: instances, digestFunction: digestFunctions, actionDigest: digest };
  const inlined = { inlineStdout: fc.boolean(), inlineStderr: fc.boolean() };
  return fc.oneof(
    fc
      .record({ ...common, ...inlined, inlineOutputFiles: fc.array(anyName, { maxLength: 3 }) })
      .map((fields) => one(`${api}.ActionCache/GetActionResult`, GetActionResultRequest.encode(fields))),
    fc
      .record({
        ...common,
        actionResult: fc.option(actionResults(blobs), { nil: undefined }),
        resultsCachePolicy: fc.constant(undefined),
      })
      .map((fields) =>
        one(`${api}.ActionCache/UpdateActionResult`, UpdateActionResultRequest.encode(fields)),
      ),
  );
}

/** By lists of chunks. */
export function chunkCalls(blobs: readonly Blob[]): Calls {
  const digest = someDigests(blobs);
  const common = {
    instanceName: instances,
    digestFunction: digestFunctions,
    chunkingFunction: chunkingFunctions,
    blobDigest: fc.option(digest, { nil: undefined }),
  };
  return fc.oneof(
    fc.record(common).map((fields) => one(`${cas}/SplitBlob`, SplitBlobRequest.encode(fields))),
    fc
      .record({ ...common, chunkDigests: fc.array(digest, { maxLength: 8 }) })
      .map((fields) => one(`${cas}/SpliceBlob`, SpliceBlobRequest.encode(fields))),
  );
}
