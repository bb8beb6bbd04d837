import type { ServerMiddleware } from 'nice-grpc-common';
import { whyPullOnly } from '../core/access.ts';
import type { WithCaller } from './caller.ts';

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
export function isReading(path: string): boolean {
  return readMethods.has(path);
}

/** The one place where a role decides anything, or a refusal. `pushHint` completes "…; to push, use ". */
export function roleMiddleware(pushHint: string): ServerMiddleware<object, WithCaller> {
  return async function* (call, context) {
    const { role, refusal } = context.caller;
    if (refusal !== undefined) throw refusal;
    if (role === 'pull' && !isReading(call.method.path)) throw whyPullOnly(context.caller, pushHint);
    return yield* call.next(call.request, context);
  };
}
