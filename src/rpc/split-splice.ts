import type { ChunkStore } from '../core/chunk-store.ts';
import { chunkingFacts, parseChunkingFunction } from '../core/chunking-function.ts';
import { parseDigest } from '../core/digest.ts';
import { expectMayUpload } from '../core/push-permissions.ts';
import type {
  SpliceBlobRequest,
  SpliceBlobResponse,
  SplitBlobRequest,
  SplitBlobResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Caller } from './caller.ts';
import { digestMessage } from './digest-message.ts';
import { checkRequest } from './request-checks.ts';

/** About what a digest takes in a message. */
const digestBytes = 80;

/** SplitBlob. Splitting stores chunks, so a pull listener only gives what is stored. */
export async function splitBlob(
  chunks: ChunkStore,
  request: SplitBlobRequest,
  { role, stream }: Caller,
  signal: AbortSignal,
): Promise<SplitBlobResponse> {
  const { digestFunction } = checkRequest(request);
  const blob = parseDigest(request.blobDigest, digestFunction, 'blob digest');
  const wanted = parseChunkingFunction(request.chunkingFunction);
  const found =
    role === 'push' ? await chunks.split(blob, wanted, signal) : await chunks.find(blob, wanted, signal);
  await stream?.expectAnswer(found.chunks.length * digestBytes, signal);
  return {
    chunkDigests: found.chunks.map(digestMessage),
    chunkingFunction: chunkingFacts(found.chunkingFunction).value,
  };
}

/** SpliceBlob. */
export async function spliceBlob(
  chunks: ChunkStore,
  request: SpliceBlobRequest,
  { scopes }: Caller,
  signal: AbortSignal,
): Promise<SpliceBlobResponse> {
  const { digestFunction, instanceName } = checkRequest(request);
  expectMayUpload(scopes, instanceName);
  const blob = parseDigest(request.blobDigest, digestFunction, 'blob digest');
  // One function for all: without a name it is the one that the blob's hash shows.
  const digests = request.chunkDigests.map((chunk) =>
    parseDigest(chunk, blob.digestFunction, 'chunk digest'),
  );
  const chunkingFunction = parseChunkingFunction(request.chunkingFunction);
  await chunks.splice(blob, { chunkingFunction, chunks: digests }, signal);
  return { blobDigest: digestMessage(blob) };
}
