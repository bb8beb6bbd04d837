import { createHash, randomBytes } from 'node:crypto';
import { blake3 } from 'hash-wasm';
import { createClient } from 'nice-grpc';
import {
  ActionCacheDefinition,
  type ActionResult,
  type Digest,
  DigestFunction_Value,
  Directory,
  type GetActionResultRequest,
  type OutputDirectory,
  type OutputFile,
  Tree,
  type UpdateActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Blob, Clients } from './wire.ts';

/** Digest functions by the names that folders and resource names have. */
export type Hashing = 'sha256' | 'sha1' | 'sha384' | 'sha512' | 'blake3';

/** The result of an action as a client would upload it. */
export interface SampleAction {
  readonly actionDigest: Digest;
  readonly digestFunction: DigestFunction_Value;
  readonly result: ActionResult;
  /** Every blob that the result leads to, by what it is there. */
  readonly blobs: ReadonlyMap<string, Blob>;
}

export function digestFunctionOf(hashing: Hashing): DigestFunction_Value {
  return DigestFunction_Value[hashing.toUpperCase() as 'SHA256'];
}

/** Bytes as a blob of any digest function. */
export async function blobBy(hashing: Hashing, data: Uint8Array): Promise<Blob> {
  const hash = hashing === 'blake3' ? await blake3(data) : createHash(hashing).update(data).digest('hex');
  return { digest: { hash, sizeBytes: BigInt(data.length) }, data };
}

/** A result of nothing, but for what is given. */
export function resultOf(given: Partial<ActionResult>): ActionResult {
  return {
    outputFiles: [],
    outputFileSymlinks: [],
    outputSymlinks: [],
    outputDirectories: [],
    outputDirectorySymlinks: [],
    exitCode: 0,
    stdoutRaw: Buffer.alloc(0),
    stdoutDigest: undefined,
    stderrRaw: Buffer.alloc(0),
    stderrDigest: undefined,
    executionMetadata: undefined,
    ...given,
  };
}

export function outputFile(path: string, digest: Digest | undefined, contents?: Uint8Array): OutputFile {
  return {
    path,
    digest,
    isExecutable: false,
    contents: contents ?? Buffer.alloc(0),
    nodeProperties: undefined,
  };
}

export function outputDirectory(
  path: string,
  digests: { tree?: Digest | undefined; root?: Digest | undefined },
): OutputDirectory {
  return {
    path,
    treeDigest: digests.tree,
    rootDirectoryDigest: digests.root,
    isTopologicallySorted: false,
  };
}

/** A Directory message of one file and, if given, one folder. */
export function directoryOf(file: Blob, child?: Blob): Directory {
  return {
    files: [{ name: 'file', digest: file.digest, isExecutable: true, nodeProperties: undefined }],
    directories: child === undefined ? [] : [{ name: 'child', digest: child.digest }],
    symlinks: [],
    nodeProperties: undefined,
  };
}

/**
 * A result with something in every place where a digest may be. The folders of its Tree message are in
 * that message only, as the API has it; those under its root directory are blobs.
 */
export async function sampleAction(hashing: Hashing = 'sha256'): Promise<SampleAction> {
  const random = async (size: number) => await blobBy(hashing, randomBytes(size));
  const directory = async (message: Directory) => await blobBy(hashing, Directory.encode(message).finish());
  const [output, stdout, stderr] = [await random(3000), await random(60), await random(40)];
  const [inTree, inChild] = [await random(70_000), await random(20)];
  const child = directoryOf(inChild);
  const root = directoryOf(inTree, await directory(child));
  const tree = await blobBy(hashing, Tree.encode({ root, children: [child] }).finish());
  const nestedFile = await random(500);
  const nested = await directory(directoryOf(nestedFile));
  const topFile = await random(600);
  const top = await directory(directoryOf(topFile, nested));
  return {
    actionDigest: (await random(100)).digest,
    digestFunction: digestFunctionOf(hashing),
    result: resultOf({
      outputFiles: [{ ...outputFile('out/file', output.digest), isExecutable: true }],
      outputSymlinks: [{ path: 'out/link', target: '../elsewhere', nodeProperties: undefined }],
      outputDirectories: [
        outputDirectory('out/tree', { tree: tree.digest }),
        outputDirectory('out/root', { root: top.digest }),
      ],
      stdoutDigest: stdout.digest,
      stderrDigest: stderr.digest,
      executionMetadata: metadataOf('a worker'),
    }),
    blobs: new Map([
      ['the output file', output],
      ['the standard output', stdout],
      ['the standard error', stderr],
      ['the Tree message', tree],
      ['a file at the top of the Tree message', inTree],
      ['a file in a folder of the Tree message', inChild],
      ['the root directory', top],
      ['a file in the root directory', topFile],
      ['a folder in the root directory', nested],
      ['a file in that folder', nestedFile],
    ]),
  };
}

function metadataOf(worker: string): ActionResult['executionMetadata'] {
  return {
    worker,
    queuedTimestamp: { seconds: 1_700_000_000n, nanos: 7 },
    workerStartTimestamp: undefined,
    workerCompletedTimestamp: undefined,
    inputFetchStartTimestamp: undefined,
    inputFetchCompletedTimestamp: undefined,
    executionStartTimestamp: undefined,
    executionCompletedTimestamp: undefined,
    virtualExecutionDuration: undefined,
    outputUploadStartTimestamp: undefined,
    outputUploadCompletedTimestamp: undefined,
    auxiliaryMetadata: [],
  };
}

/** Uploads blobs of any digest function, together no larger than a batch may be. */
export async function putBlobs(
  clients: Clients,
  blobs: Iterable<Blob>,
  digestFunction: DigestFunction_Value = DigestFunction_Value.UNKNOWN,
): Promise<void> {
  const requests = Array.from(blobs, ({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const { responses } = await clients.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction });
  for (const { status } of responses) if (status?.code) throw new Error(status.message);
}

type Subject = Pick<SampleAction, 'actionDigest'> & Partial<SampleAction>;

/** UpdateActionResult. */
export async function updateAction(
  clients: Clients,
  { actionDigest, digestFunction = 0, result }: Subject,
  given: Partial<UpdateActionResultRequest> = {},
): Promise<ActionResult> {
  const answer = await createClient(ActionCacheDefinition, clients.channel).updateActionResult({
    instanceName: '',
    actionDigest,
    actionResult: result,
    resultsCachePolicy: undefined,
    digestFunction,
    ...given,
  });
  return withBuffers(answer);
}

/** GetActionResult, without anything in the answer but digests unless asked. */
export async function getAction(
  clients: Clients,
  { actionDigest, digestFunction = 0 }: Subject,
  given: Partial<GetActionResultRequest> = {},
): Promise<ActionResult> {
  const answer = await createClient(ActionCacheDefinition, clients.channel).getActionResult({
    instanceName: '',
    actionDigest,
    inlineStdout: false,
    inlineStderr: false,
    inlineOutputFiles: [],
    digestFunction,
    ...given,
  });
  return withBuffers(answer);
}

/** Bytes as tests make them: a comparison tells a Buffer from other arrays of the same bytes. */
function withBuffers(answer: ActionResult): ActionResult {
  return {
    ...answer,
    outputFiles: answer.outputFiles.map((file) => ({ ...file, contents: Buffer.from(file.contents) })),
    stdoutRaw: Buffer.from(answer.stdoutRaw),
    stderrRaw: Buffer.from(answer.stderrRaw),
  };
}
