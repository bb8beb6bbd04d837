import type { AssetName } from '../core/asset-name.ts';
import { CacheError } from '../core/cache-error.ts';
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

/** What a server has under the name of an asset. */
export async function assetDigestOn(
  server: ServerConnection,
  { instanceName, kind, uri, qualifiers }: AssetName,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const request = {
    instanceName,
    timeout: undefined,
    oldestContentAccepted: undefined,
    uris: [uri],
    qualifiers: [...qualifiers],
    digestFunction: 0 as const,
  };
  const { assetFetch } = server.clients;
  const found = await unlessNotFound(
    server.call(signal, async () => {
      if (kind === 'directory') {
        const { rootDirectoryDigest, status } = await assetFetch.fetchDirectory(request, { signal });
        return { digest: rootDirectoryDigest, status };
      }
      const { blobDigest, status } = await assetFetch.fetchBlob(request, { signal });
      return { digest: blobDigest, status };
    }),
  );
  // Some servers say inside of the answer that there is nothing.
  if (found === undefined || (found.status?.code ?? 0) !== 0 || found.digest === undefined) return undefined;
  return parseDigest(found.digest);
}

/** Undefined where a server says that it does not have it, or not whole. */
export async function unlessNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CacheError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
