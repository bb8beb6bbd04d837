import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ActionCache } from '../core/action-cache.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { digestText, parseDigest, type UncheckedDigest } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Layout } from './layout.ts';
import type { ReachChecker, WideReach } from './reach.ts';
import type { Records } from './records.ts';
import { volumeError } from './volume-error.ts';

/** gRPC clients take messages of 4 MiB: what is longer could be stored, and never be given back. */
export const longestResult = 4 * 1024 * 1024 - 64 * 1024;
const noBytes = new Uint8Array();

/** Action results as sealed records: the serialised message each. */
export function volumeActionCache(
  layout: Layout,
  records: Records,
  reaches: ReachChecker,
  blobs: BlobStore,
): ActionCache {
  return {
    async get(instanceName, actionDigest, signal) {
      const path = layout.actionResult(instanceName, actionDigest);
      try {
        const bytes = await records.readSealed(path, longestResult);
        const result = resultIn(bytes);
        if (bytes === undefined || result === undefined) return undefined;
        const reach = resultReach(result, actionDigest.digestFunction);
        if (reach === undefined || !(await reaches.isWhole(reach, signal))) return undefined;
        return (await records.touch(path)) ? { result, sizeBytes: bytes.length } : undefined;
      } catch (error) {
        throw volumeError(error, 'reading an action result');
      }
    },

    async update(instanceName, actionDigest, result, signal) {
      const { digestFunction } = actionDigest;
      const reach = reachOf(result, digestFunction);
      const kept = await withoutContents(blobs, result, digestFunction);
      const bytes = ActionResult.encode(kept).finish();
      if (bytes.length > longestResult) throw tooLong(bytes.length);
      await reaches.secure(reach, `the result of action ${digestText(actionDigest)}`, signal);
      const path = layout.actionResult(instanceName, actionDigest);
      try {
        await records.writeSealed(path, bytes);
      } catch (error) {
        throw volumeError(error, 'writing an action result');
      }
      return kept;
    },
  };
}

function tooLong(bytes: number): CacheError {
  return new CacheError(
    'resource-exhausted',
    `the action result has ${bytes} bytes, more than the ${longestResult} that clients can be answered with; upload its outputs as blobs and name their digests`,
  );
}

/** A stored result; undefined for what is none. */
export function resultIn(bytes: Uint8Array | undefined): ActionResult | undefined {
  if (bytes === undefined) return undefined;
  try {
    const reader = new BinaryReader(bytes);
    const result = ActionResult.decode(reader);
    return reader.pos === bytes.length ? result : undefined;
  } catch {
    return undefined;
  }
}

/** What a stored result leads to; undefined where something of that is no digest. */
export function resultReach(result: ActionResult, digestFunction: DigestFunction): WideReach | undefined {
  try {
    return reachOf(result, digestFunction);
  } catch {
    return undefined;
  }
}

/** Throws 'invalid-argument' for a digest that is none, and for an output without one. */
function reachOf(result: ActionResult, digestFunction: DigestFunction): WideReach {
  const parse = (digest: UncheckedDigest | undefined, what: string) =>
    parseDigest(digest, digestFunction, what);
  const optional = (digest: UncheckedDigest | undefined, what: string) =>
    digest === undefined ? [] : [parse(digest, what)];
  for (const { treeDigest, rootDirectoryDigest } of result.outputDirectories) {
    if (treeDigest === undefined && rootDirectoryDigest === undefined)
      throw new CacheError(
        'invalid-argument',
        'an output directory has neither tree_digest nor root_directory_digest',
      );
  }
  return {
    blobs: [
      ...result.outputFiles.map(({ digest }) => parse(digest, 'output file')),
      ...optional(result.stdoutDigest, 'stdout'),
      ...optional(result.stderrDigest, 'stderr'),
    ],
    trees: result.outputDirectories.flatMap(({ treeDigest }) => optional(treeDigest, 'output directory')),
    directories: result.outputDirectories.flatMap(({ rootDirectoryDigest }) =>
      optional(rootDirectoryDigest, 'root of an output directory'),
    ),
  };
}

/** Contents that came along become blobs of their own: they are inlined again for whoever asks for them. */
async function withoutContents(
  blobs: BlobStore,
  result: ActionResult,
  digestFunction: DigestFunction,
): Promise<ActionResult> {
  const put = async (digest: UncheckedDigest, bytes: Uint8Array) => {
    await blobs.put(parseDigest(digest, digestFunction), bytes);
    return noBytes;
  };
  const outputFiles = [];
  for (const file of result.outputFiles) {
    const { digest, contents } = file;
    const stays = contents.length === 0 || digest === undefined;
    outputFiles.push(stays ? file : { ...file, contents: await put(digest, contents) });
  }
  const { stdoutDigest, stdoutRaw, stderrDigest, stderrRaw } = result;
  return {
    ...result,
    outputFiles,
    stdoutRaw: stdoutDigest && stdoutRaw.length > 0 ? await put(stdoutDigest, stdoutRaw) : stdoutRaw,
    stderrRaw: stderrDigest && stderrRaw.length > 0 ? await put(stderrDigest, stderrRaw) : stderrRaw,
  };
}
