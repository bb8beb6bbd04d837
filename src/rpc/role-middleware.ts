import type { ServerMiddleware } from 'nice-grpc-common';
import { CacheError } from '../core/cache-error.ts';
import type { WithCaller } from './caller.ts';

/**
 * What a pull listener does. Anything else is refused there, so that a method added later is refused
 * until somebody has thought about it.
 */
const readMethods = new Set([
  '/build.bazel.remote.execution.v2.ActionCache/GetActionResult',
  '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs',
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree',
  '/buildstream.v2.ReferenceStorage/GetReference',
  '/buildstream.v2.ReferenceStorage/Status',
  '/google.bytestream.ByteStream/QueryWriteStatus',
  '/google.bytestream.ByteStream/Read',
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
]);

/** The one place where a role decides anything. `pushHint` completes "…; to push, use ". */
export function roleMiddleware(pushHint: string): ServerMiddleware<object, WithCaller> {
  return async function* (call, context) {
    if (context.caller.role === 'pull' && !readMethods.has(call.method.path)) {
      throw new CacheError('permission-denied', `this port is for pulling only; to push, use ${pushHint}`);
    }
    return yield* call.next(call.request, context);
  };
}
