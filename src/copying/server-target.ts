import { createHash } from 'node:crypto';
import { ClientError, Status } from 'nice-grpc';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { timestampMessage } from '../core/instant.ts';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { WriteRequest } from '../gen/google/bytestream/bytestream.ts';
import type { CopiedContent } from './copied-name.ts';
import type { BlobBytes, CopyTarget } from './copy-ends.ts';
import {
  byFunction,
  digestFunctionOf,
  digestMessage,
  instancePrefix,
  type ServerConnection,
} from './server-connection.ts';
import { assetDigestOn, findMissingOn } from './server-lookups.ts';
import { serverSource } from './server-source.ts';
import { statusError } from './wire-error.ts';

/** A server to copy to, by its push port. */
export function serverTarget(server: ServerConnection): CopyTarget {
  const { url, clients, batchBytes } = server;
  const there = serverSource(server);

  async function has(content: CopiedContent, signal: AbortSignal): Promise<boolean> {
    const { instanceName } = content;
    if (content.kind === 'reference') {
      const { kind, key, root } = content;
      const [found] = await there.contents({ kind, instanceName, key }, signal);
      return found?.kind === 'reference' && isSame(found.root, root);
    }
    if (content.kind === 'asset') {
      const found = await assetDigestOn(server, content.name, signal);
      return found !== undefined && isSame(found, content.asset.digest);
    }
    const { kind, actionDigest, result } = content;
    const [found] = await there.contents({ kind, instanceName, ...actionDigest }, signal);
    return found?.kind === 'action' && encoded(found.result).equals(encoded(result));
  }

  async function putAll(
    instanceName: InstanceName,
    blobs: readonly BlobBytes[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const group of byFunction(blobs, ({ digest }) => digest)) {
      const [first] = group;
      if (first === undefined) continue;
      const requests = group.map(({ digest, bytes }) => ({
        digest: digestMessage(digest),
        data: bytes,
        compressor: 0 as const,
      }));
      await server.call(signal, async () => {
        const { responses } = await clients.cas.batchUpdateBlobs(
          { instanceName, requests, digestFunction: digestFunctionOf(first.digest) },
          { signal },
        );
        for (const { status } of responses)
          if (status !== undefined && status.code !== 0) throw statusError(status.code, status.message, url);
      });
    }
  }

  /** How much of an upload that was cut is kept; 0 where a server does not know. */
  async function committed(
    resourceName: string,
    signal: AbortSignal,
  ): Promise<{ committedSize: bigint; complete: boolean }> {
    try {
      return await server.call(signal, () => clients.bytes.queryWriteStatus({ resourceName }, { signal }));
    } catch (error) {
      const says = error instanceof CacheError ? error.kind : undefined;
      if (says === 'not-found' || says === 'unimplemented' || says === 'invalid-argument')
        return { committedSize: 0n, complete: false };
      throw error;
    }
  }

  async function upload(
    instanceName: InstanceName,
    digest: Digest,
    bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const resourceName = uploadName(instanceName, digest);
    let mayResume = true;
    await server.call(signal, async () => {
      const status = mayResume
        ? await committed(resourceName, signal)
        : { committedSize: 0n, complete: false };
      if (status.complete) return;
      const offset = Math.min(Number(status.committedSize), digest.sizeBytes);
      const from = offset === digest.sizeBytes ? 0 : offset;
      try {
        const requests = writeRequests(resourceName, digest, from, bytesFrom(from));
        const { committedSize } = await clients.bytes.write(requests, { signal });
        if (committedSize !== BigInt(digest.sizeBytes) && committedSize !== -1n)
          throw new CacheError('unavailable', `${url} took ${committedSize} bytes of ${digestText(digest)}`);
      } catch (error) {
        const refused = error instanceof ClientError && error.code === Status.FAILED_PRECONDITION;
        if (from === 0 || !refused) throw error;
        // What was kept is of no use: it is sent from the beginning.
        mayResume = false;
        throw new CacheError('aborted', `${url} did not go on with an upload: ${error.details}`, {
          cause: error,
        });
      }
    });
  }

  async function write(content: CopiedContent, signal: AbortSignal): Promise<void> {
    const { instanceName } = content;
    await server.call<unknown>(signal, async () => {
      if (content.kind === 'reference') {
        return await clients.references.updateReference(
          { instanceName, keys: [content.key], digest: digestMessage(content.root) },
          { signal },
        );
      }
      if (content.kind === 'asset') {
        return await pushAsset(content, signal);
      }
      return await clients.actions.updateActionResult(
        {
          instanceName,
          actionDigest: digestMessage(content.actionDigest),
          actionResult: content.result,
          resultsCachePolicy: undefined,
          digestFunction: digestFunctionOf(content.actionDigest),
        },
        { signal },
      );
    });
  }

  async function pushAsset(
    { instanceName, name, asset }: Extract<CopiedContent, { kind: 'asset' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest, referencesBlobs, referencesDirectories, expireAt } = asset;
    const request = {
      instanceName,
      uris: [name.uri],
      qualifiers: [...name.qualifiers],
      expireAt: expireAt === undefined ? undefined : timestampMessage(expireAt),
      referencesBlobs: referencesBlobs.map(digestMessage),
      referencesDirectories: referencesDirectories.map(digestMessage),
      digestFunction: digestFunctionOf(digest),
    };
    if (name.kind === 'blob')
      await clients.assetPush.pushBlob({ ...request, blobDigest: digestMessage(digest) }, { signal });
    else
      await clients.assetPush.pushDirectory(
        { ...request, rootDirectoryDigest: digestMessage(digest) },
        { signal },
      );
  }

  return {
    has,
    findMissing: (instanceName, digests, signal) => findMissingOn(server, instanceName, digests, signal),
    putAll,
    upload,
    write,
    batchBytes,
    close: () => Promise.resolve(server.close()),
  };
}

/** The same in each run: a later one finds what an earlier one has left unfinished. */
function uploadName(instanceName: InstanceName, digest: Digest): string {
  const hex = createHash('sha256')
    .update(`weir cp ${digestText(digest)}`)
    .digest('hex');
  // In the form of a random one (RFC 9562, version 4): bst-artifact-server takes no other.
  const uuid = hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-a$4-$5');
  return `${instancePrefix(instanceName)}uploads/${uuid}/blobs/${digestText(digest)}`;
}

async function* writeRequests(
  resourceName: string,
  { sizeBytes }: Digest,
  from: number,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<WriteRequest> {
  let offset = from;
  for await (const data of bytes) {
    const finishWrite = offset + data.length === sizeBytes;
    yield {
      resourceName: offset === from ? resourceName : '',
      writeOffset: BigInt(offset),
      finishWrite,
      data,
    };
    offset += data.length;
  }
}

function isSame(one: Digest, other: Digest): boolean {
  return digestText(one) === digestText(other);
}

function encoded(result: ActionResult): Buffer {
  return Buffer.from(ActionResult.encode(result).finish());
}
