// Pushes of a client that tries again, and proof afterwards that what was acknowledged is there.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { CacheClient } from './cache-client.ts';
import { directoryBlob } from './trees.ts';
import { putBatch, randomBlob } from './wire.ts';

/** What was acknowledged: from then on it has to be there. */
export interface Acknowledged {
  readonly key: string;
  readonly root: Digest;
  readonly files: readonly Digest[];
}

/** Two files, the directory of them, and a reference to that. */
export async function push(client: CacheClient, key: string): Promise<Acknowledged> {
  const [small, large] = [randomBlob(3000), randomBlob(700_000)];
  const root = directoryBlob({ small, large });
  await client.call(async (clients) => await putBatch(clients, [small, root]));
  await client.upload(large);
  const request = { instanceName: '', keys: [key], digest: root.digest };
  await client.call(async ({ references }) => await references.updateReference(request));
  return { key, root: root.digest, files: [small.digest, large.digest] };
}

/** Rejects unless all of it comes as it was pushed. */
export async function pull(client: CacheClient, { key, root, files }: Acknowledged): Promise<void> {
  const { digest } = await client.call(
    async ({ references }) => await references.getReference({ instanceName: '', key }),
  );
  assert.deepEqual(digest, root);
  for (const each of [root, ...files]) {
    const data = await client.download({ digest: each, data: Buffer.of() });
    assert.equal(createHash('sha256').update(data).digest('hex'), each.hash);
  }
}
