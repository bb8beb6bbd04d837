import type { ServerMiddleware } from 'nice-grpc-common';
import { CacheError } from '../core/cache-error.ts';

/** Services that hold blobs, or promise some. */
const storageServices = [
  '/build.bazel.remote.execution.v2.ContentAddressableStorage/',
  '/build.bazel.remote.execution.v2.ActionCache/',
  '/google.bytestream.ByteStream/',
];

/** `indexOnly`: names are kept here and blobs are not; then what needs blobs is not offered, and says so. */
export function storageMiddleware(indexOnly: boolean): ServerMiddleware {
  return async function* (call, context) {
    if (indexOnly && storageServices.some((service) => call.method.path.startsWith(service))) {
      throw new CacheError(
        'unimplemented',
        'this server is an index and has no blobs; use it with "type: index", beside a storage server',
      );
    }
    return yield* call.next(call.request, context);
  };
}
