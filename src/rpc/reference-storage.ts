import { CacheError } from '../core/cache-error.ts';
import { digestText, parseDigest, quote } from '../core/digest.ts';
import { parseInstanceName } from '../core/instance-name.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayPush } from '../core/push-permissions.ts';
import { parseReferenceKey } from '../core/reference-key.ts';
import type { ReferenceStore } from '../core/reference-store.ts';
import type { ReferenceStorageDefinition } from '../gen/buildstream/v2/buildstream.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';
import { digestMessage } from './digest-message.ts';

/** BuildStream pushes an artifact under one or two keys; this is room for others, not for floods. */
const maxKeys = 100;

/** buildstream.v2.ReferenceStorage: what BuildStream 1.x finds its artifacts by. */
export function referenceStorageService(
  references: ReferenceStore,
  observer: Observer,
): Handlers<ReferenceStorageDefinition, CallContext> {
  return {
    async getReference(request, { caller, signal }) {
      const instanceName = parseInstanceName(request.instanceName);
      const key = parseReferenceKey(request.key);
      const root = await references.get(instanceName, key, signal);
      observer.lookedUp('reference', caller.tool, root ? 1 : 0, root ? 0 : 1);
      if (root === undefined)
        throw new CacheError('not-found', `the reference ${quote(key)} is not here, or not whole`);
      return { digest: digestMessage(root) };
    },

    async updateReference(request, { caller, signal }) {
      const instanceName = parseInstanceName(request.instanceName);
      if (request.keys.length === 0 || request.keys.length > maxKeys) {
        throw new CacheError(
          'invalid-argument',
          `there are ${request.keys.length} keys; give 1 to ${maxKeys} references to update`,
        );
      }
      const keys = request.keys.map(parseReferenceKey);
      for (const key of keys) expectMayPush(caller.scopes, instanceName, key);
      const root = parseDigest(request.digest, 'sha256');
      const { blobs, bytes } = await references.update(instanceName, keys, root, signal);
      observer.pushed({
        keys,
        root: digestText(root),
        blobs,
        bytes,
        missing: [],
        identity: caller.identity,
        request: caller.request(),
      });
      return {};
    },

    status(request, { caller }) {
      parseInstanceName(request.instanceName);
      return Promise.resolve({ allowUpdates: caller.role === 'push' });
    },
  };
}
