import { allOf, type Answer } from '../core/answer.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { ChunkStore } from '../core/chunk-store.ts';
import { type Digest, distinctDigests, parseDigest } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import type { Observer } from '../core/observer.ts';
import { type PackedDigests, packedDigests } from '../core/packed-digests.ts';
import { expectMayUpload } from '../core/push-permissions.ts';
import type { TreeStore } from '../core/tree-store.ts';
import { unzstdWhole, zstdWhole } from '../core/zstd.ts';
import {
  type BatchReadBlobsResponse_Response,
  type BatchUpdateBlobsRequest_Request,
  type BatchUpdateBlobsResponse_Response,
  Compressor_Value,
  type ContentAddressableStorageDefinition,
  type FindMissingBlobsRequest,
  type FindMissingBlobsResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Status as StatusMessage } from '../gen/google/rpc/status.ts';
import type { Handlers } from '../grpc/service.ts';
import { answersTo, type RowAnswer } from './batch-read-response.ts';
import type { CallContext } from './call-context.ts';
import { mostPageBytes, treePages } from './get-tree.ts';
import { digestMessage } from './digest-message.ts';
import { missingOf } from './find-missing-response.ts';
import { maxBatchBytes } from './limits.ts';
import { checkRequest } from './request-checks.ts';
import { digestsOf, scannedRows } from './scanned-digests.ts';
import { spliceBlob, splitBlob } from './split-splice.ts';
import { statusOf } from './status.ts';

const service = 'ContentAddressableStorage';
const blobsAtOnce = 16;
const ok: StatusMessage = { code: 0, message: '', details: [] };

/** build.bazel.remote.execution.v2.ContentAddressableStorage. */
export function contentAddressableStorageService(
  blobs: BlobStore,
  trees: TreeStore,
  chunks: ChunkStore,
  observer: Observer,
): Handlers<ContentAddressableStorageDefinition, CallContext> {
  async function readLater(
    digest: Digest,
    bytes: Answer<Uint8Array>,
    takesZstd: boolean,
  ): Promise<BatchReadBlobsResponse_Response> {
    const answer = {
      digest: digestMessage(digest),
      data: new Uint8Array(),
      compressor: Compressor_Value.IDENTITY,
    };
    try {
      const data = await bytes;
      const compressed = takesZstd ? await zstdWhole(data) : undefined;
      if (compressed === undefined) return { ...answer, data, status: ok };
      return { ...answer, data: compressed, compressor: Compressor_Value.ZSTD, status: ok };
    } catch (error) {
      return { ...answer, status: statusMessage(error) };
    }
  }

  /** What can be read without waiting is answered without a promise for each. */
  function readOne(digest: Digest, takesZstd: boolean): Answer<BatchReadBlobsResponse_Response> {
    const data = blobs.readPromptly(digest);
    if (takesZstd || data instanceof Promise) return readLater(digest, data, takesZstd);
    return { digest: digestMessage(digest), data, compressor: Compressor_Value.IDENTITY, status: ok };
  }

  /** The same without zstd: bytes alone where that is all that is to be said. */
  function readRow(digest: Digest): Answer<RowAnswer> {
    const data = blobs.readPromptly(digest);
    return data instanceof Promise ? readLater(digest, data, false) : data;
  }

  /** What is in memory is answered without an object for each. */
  async function readRows(digests: PackedDigests): Promise<RowAnswer[]> {
    const answers: (RowAnswer | undefined)[] = blobs.readAllAtOnce(digests);
    const others: number[] = [];
    for (let row = 0; row < answers.length; row++) if (answers[row] === undefined) others.push(row);
    const read = await forEach(others, (row) => readRow(digests.digest(row)));
    for (const [at, row] of others.entries()) answers[row] = read[at];
    return answers as RowAnswer[];
  }

  async function unzstd({ sizeBytes }: Digest, data: Uint8Array): Promise<Uint8Array> {
    try {
      return await unzstdWhole(data, sizeBytes);
    } catch (error) {
      observer.uploadMismatched();
      throw error;
    }
  }

  async function updateOne({ digest, data, compressed }: Update): Promise<BatchUpdateBlobsResponse_Response> {
    const answer = { digest: digestMessage(digest) };
    try {
      await blobs.put(digest, compressed ? await unzstd(digest, data) : data);
      return { ...answer, status: ok };
    } catch (error) {
      // BuildStream takes this status for "skipped" on the call, and for a failed build on a blob.
      if (error instanceof CacheError && error.kind === 'resource-exhausted') throw error;
      return { ...answer, status: statusMessage(error) };
    }
  }

  async function findMissing(
    request: FindMissingBlobsRequest,
    digestFunction: DigestFunction | undefined,
    signal: AbortSignal,
  ): Promise<{ asked: number; missing: number; response: FindMissingBlobsResponse }> {
    const rows = scannedRows(request);
    if (rows !== undefined) {
      const { asked, missing } = await blobs.findMissingPacked(packedDigests(rows, digestFunction), signal);
      return { asked, missing: missing.length, response: missingOf(rows, missing) };
    }
    const asked = distinctDigests(request.blobDigests.map((digest) => parseDigest(digest, digestFunction)));
    const missing = await blobs.findMissing(asked, signal);
    const response = { missingBlobDigests: missing.map(digestMessage) };
    return { asked: asked.length, missing: missing.length, response };
  }

  return {
    async findMissingBlobs(request, { caller, signal }) {
      const { digestFunction } = checkRequest(request);
      const { asked, missing, response } = await findMissing(request, digestFunction, signal);
      observer.lookedUp('blob', caller.tool, asked - missing, missing);
      return response;
    },

    async batchReadBlobs(request, { caller, signal }) {
      const { digestFunction } = checkRequest(request);
      const rows = scannedRows(request);
      const expectAnswer = (sizes: readonly number[]) =>
        caller.stream.expectAnswer(checkBatch(sizes), signal);
      const counted = (answers: readonly RowAnswer[]) => {
        const [hits, bytes] = hitsAndBytes(answers);
        observer.lookedUp('read', caller.tool, hits, answers.length - hits);
        observer.sent(service, caller.listener, bytes);
      };
      const takesZstd = request.acceptableCompressors.includes(Compressor_Value.ZSTD);
      if (rows !== undefined && !takesZstd) {
        const digests = packedDigests(rows, digestFunction);
        await expectAnswer(digests.sizes);
        const answers = await readRows(digests);
        counted(answers);
        return answersTo(rows, answers);
      }
      const unchecked = rows === undefined ? request.digests : [...digestsOf(rows)];
      const digests = unchecked.map((digest) => parseDigest(digest, digestFunction));
      await expectAnswer(digests.map(({ sizeBytes }) => sizeBytes));
      const responses = await forEach(digests, (digest) => readOne(digest, takesZstd));
      counted(responses);
      return { responses };
    },

    async batchUpdateBlobs(request, { caller }) {
      const { digestFunction, instanceName } = checkRequest(request);
      expectMayUpload(caller.scopes, instanceName);
      // All of the batch is checked before any of it is stored.
      const updates = request.requests.map((update) => checkedUpdate(update, digestFunction));
      checkBatch(updates.map(({ digest }) => digest.sizeBytes));
      checkBatch(updates.map(({ data }) => data.length));
      const responses = await forEach(updates, updateOne);
      observer.received(service, caller.listener, totalBytes(updates));
      return { responses };
    },

    async *getTree(request, { caller, signal }) {
      const { digestFunction } = checkRequest(request);
      const root = parseDigest(request.rootDigest, digestFunction, 'root digest');
      await caller.stream.expectAnswer(mostPageBytes, signal);
      yield* treePages(trees, root, request, signal);
    },

    splitBlob: (request, { caller, signal }) => splitBlob(chunks, request, caller, signal),
    spliceBlob: (request, { caller, signal }) => spliceBlob(chunks, request, caller, signal),
  };
}

/** A few at once: where the volume is a local disk, they are done one after the other anyway. */
async function forEach<T, U>(all: readonly T[], work: (one: T) => Answer<U>): Promise<U[]> {
  const done: U[] = [];
  for (let start = 0; start < all.length; start += blobsAtOnce)
    done.push(...(await allOf(all.slice(start, start + blobsAtOnce).map(work))));
  return done;
}

/** One blob of a batch. */
interface Update {
  readonly digest: Digest;
  /** As it came. */
  readonly data: Uint8Array;
  readonly compressed: boolean;
}

function checkedUpdate(
  { digest, data, compressor }: BatchUpdateBlobsRequest_Request,
  digestFunction: DigestFunction | undefined,
): Update {
  if (compressor !== Compressor_Value.IDENTITY && compressor !== Compressor_Value.ZSTD) {
    throw new CacheError(
      'invalid-argument',
      `compressor ${compressor} is not offered here; send blobs as they are (IDENTITY, 0) or compressed by ZSTD (1)`,
    );
  }
  const compressed = compressor === Compressor_Value.ZSTD;
  return { digest: parseDigest(digest, digestFunction), data, compressed };
}

/** How many of them are blobs, and the bytes of all. */
function hitsAndBytes(answers: readonly RowAnswer[]): [hits: number, bytes: number] {
  let [hits, bytes] = [0, 0];
  for (const answer of answers) {
    const data = answer instanceof Uint8Array ? answer : answer.data;
    if (answer === data || (answer as BatchReadBlobsResponse_Response).status?.code === 0) hits++;
    bytes += data.length;
  }
  return [hits, bytes];
}

function totalBytes(blobs: readonly { data: Uint8Array }[]): number {
  return blobs.reduce((sum, { data }) => sum + data.length, 0);
}

/** The bytes of all; throws when they are too many. */
function checkBatch(sizes: readonly number[]): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > maxBatchBytes) {
    throw new CacheError(
      'invalid-argument',
      `the batch has ${total} bytes, at most ${maxBatchBytes} fit (max_batch_total_size_bytes); use ByteStream for large blobs`,
    );
  }
  return total;
}

function statusMessage(error: unknown): StatusMessage {
  if (!(error instanceof CacheError)) throw error;
  return { code: statusOf(error), message: error.message, details: [] };
}
