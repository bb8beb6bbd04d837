import { type Digest, parseDigest } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { byFunction, digestFunctionOf, digestMessage, type ServerConnection } from './server-connection.ts';

/** Those of the digests that a server says it does not have, each once. */
export async function findMissingOn(
  server: ServerConnection,
  instanceName: InstanceName,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const missing: Digest[] = [];
  for (const group of byFunction(digests, (digest) => digest)) {
    const [first] = group;
    if (first === undefined) continue;
    const { missingBlobDigests } = await server.call(signal, () =>
      server.clients.cas.findMissingBlobs(
        { instanceName, blobDigests: group.map(digestMessage), digestFunction: digestFunctionOf(first) },
        { signal },
      ),
    );
    const distinct = new Map(missingBlobDigests.map((digest) => [digest.hash, digest]));
    for (const digest of distinct.values()) missing.push(parseDigest(digest, first.digestFunction));
  }
  return missing;
}
