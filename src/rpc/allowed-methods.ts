import { Status } from '../grpc/status.ts';
import { whyPullOnly } from '../core/access.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Caller } from './caller.ts';

/**
 * What the role pull allows. Anything else is refused, so that a method added later is refused
 * until somebody has thought about it.
 */
const readMethods = new Set([
  '/build.bazel.remote.asset.v1.Fetch/FetchBlob',
  '/build.bazel.remote.asset.v1.Fetch/FetchDirectory',
  '/build.bazel.remote.execution.v2.ActionCache/GetActionResult',
  '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/SplitBlob',
  '/buildstream.v2.ReferenceStorage/GetReference',
  '/buildstream.v2.ReferenceStorage/Status',
  '/google.bytestream.ByteStream/QueryWriteStatus',
  '/google.bytestream.ByteStream/Read',
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
]);

/** Whether a method takes nothing in. */
function isReading(path: string): boolean {
  return readMethods.has(path);
}

/**
 * The status for a call beyond what the server takes. BuildStream takes RESOURCE_EXHAUSTED for "skipped" on a push, and
 * for a failed build on a pull.
 */
export function codeOfRefusal(path: string): Status {
  return isReading(path) ? Status.UNAVAILABLE : Status.RESOURCE_EXHAUSTED;
}

/** Services that hold blobs, or promise some. */
const storageServices = new Set([
  'build.bazel.remote.execution.v2.ContentAddressableStorage',
  'build.bazel.remote.execution.v2.ActionCache',
  'google.bytestream.ByteStream',
]);

/** Why a listener takes some calls only. */
export interface AllowedMethods {
  /** Completes "…; to push, use ". */
  readonly pushHint: string;
  /** Names are kept here and blobs are not. */
  readonly indexOnly: boolean;
}

/** The one place where a role decides anything, or a refusal. Throws for a method that the caller may not call here. */
export function expectAllowed(
  { path, service }: { readonly path: string; readonly service: string },
  caller: Caller,
  { pushHint, indexOnly }: AllowedMethods,
): void {
  if (caller.refusal !== undefined) throw caller.refusal;
  if (caller.role === 'pull' && !isReading(path)) throw whyPullOnly(caller, pushHint);
  if (indexOnly && storageServices.has(service)) {
    throw new CacheError(
      'unimplemented',
      'this server is an index and has no blobs; use it with "type: index", beside a storage server',
    );
  }
}
