import type { ActionCache, KeptResult } from '../core/action-cache.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest, type UncheckedDigest } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayPush } from '../core/push-permissions.ts';
import {
  type ActionCacheDefinition,
  type ActionResult,
  type GetActionResultRequest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';
import { maxAnswerBytes, maxInlinedBytes } from './limits.ts';
import { checkRequest } from './request-checks.ts';

/** What contents take in a message beside themselves: their tag, their length, and longer lengths around them. */
const fieldBytes = 16;

/** build.bazel.remote.execution.v2.ActionCache. */
export function actionCacheService(
  actions: ActionCache,
  blobs: BlobStore,
  observer: Observer,
): Handlers<ActionCacheDefinition, CallContext> {
  return {
    async getActionResult(request, { caller, signal }) {
      const { instanceName, digestFunction } = checkRequest(request);
      const action = parseDigest(request.actionDigest, digestFunction, 'action digest');
      const kept = await actions.get(instanceName, action, signal);
      observer.lookedUp('action', caller.tool, kept ? 1 : 0, kept ? 0 : 1);
      if (kept === undefined)
        throw new CacheError(
          'not-found',
          `the result of action ${digestText(action)} is not here, or not whole`,
        );
      return await inlined(blobs, kept, action, request, {
        expectAnswer: (bytes) => caller.stream.expectAnswer(bytes, signal),
        onInlined: (bytes) => observer.sent('ActionCache', caller.listener, bytes),
      });
    },

    async updateActionResult(request, { caller, signal }) {
      const { instanceName, digestFunction } = checkRequest(request);
      expectMayPush(caller.scopes, instanceName, '@actions');
      const action = parseDigest(request.actionDigest, digestFunction, 'action digest');
      if (request.actionResult === undefined)
        throw new CacheError('invalid-argument', 'the action_result is missing from the request');
      return await actions.update(instanceName, action, request.actionResult, signal);
    },
  };
}

interface Inlining {
  readonly expectAnswer: (bytes: number) => Promise<void> | undefined;
  /** Called for each blob whose contents become a part of the answer. */
  readonly onInlined: (bytes: number) => void;
}

/**
 * The result with the contents that were asked for, as far as a message has room for them: the API leaves it to
 * the server, and clients take 4 MiB.
 */
async function inlined(
  blobs: BlobStore,
  { result, sizeBytes }: KeptResult,
  { digestFunction }: Digest,
  request: GetActionResultRequest,
  { expectAnswer, onInlined }: Inlining,
): Promise<ActionResult> {
  if (!request.inlineStdout && !request.inlineStderr && request.inlineOutputFiles.length === 0) {
    await expectAnswer(sizeBytes);
    return result;
  }
  let left = Math.min(maxInlinedBytes, maxAnswerBytes - sizeBytes);
  const contents = async (asked: boolean, digest: UncheckedDigest | undefined, present: Uint8Array) => {
    if (!asked || digest === undefined || present.length > 0 || digest.sizeBytes > left) return present;
    left -= Number(digest.sizeBytes) + fieldBytes;
    const data = await blobs.readWhole(parseDigest(digest, digestFunction));
    onInlined(data.length);
    return data;
  };
  const paths = new Set(request.inlineOutputFiles);
  const asked = [
    request.inlineStdout ? result.stdoutDigest : undefined,
    request.inlineStderr ? result.stderrDigest : undefined,
    ...result.outputFiles.map(({ path, digest }) => (paths.has(path) ? digest : undefined)),
  ];
  const askedBytes = asked.reduce((sum, digest) => sum + Number(digest?.sizeBytes ?? 0), 0);
  await expectAnswer(sizeBytes + Math.min(left, askedBytes));
  const stdoutRaw = await contents(request.inlineStdout, result.stdoutDigest, result.stdoutRaw);
  const stderrRaw = await contents(request.inlineStderr, result.stderrDigest, result.stderrRaw);
  const outputFiles = [];
  for (const file of result.outputFiles) {
    outputFiles.push({ ...file, contents: await contents(paths.has(file.path), file.digest, file.contents) });
  }
  return { ...result, stdoutRaw, stderrRaw, outputFiles };
}
