import type { AssetKind } from '../core/asset-name.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestOf, digestText, parseDigest } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { mayPass, pause } from './bounded-retries.ts';
import { type AssetReferences, buildStreamReferences, isBuildStreamMessage } from './buildstream-reach.ts';
import type { CopiedContent, CopiedName } from './copied-name.ts';
import type { CopySource } from './copy-ends.ts';
import {
  byFunction,
  digestFunctionOf,
  digestMessage,
  instancePrefix,
  type ServerConnection,
} from './server-connection.ts';
import { assetDigestOn, findMissingOn, unlessNotFound } from './server-lookups.ts';
import { statusError, wireError } from './wire-error.ts';
import { areBytesOf, verifiedBytes } from './verified-bytes.ts';

const noReferences: AssetReferences = { referencesBlobs: [], referencesDirectories: [] };
/** gRPC's NOT_FOUND, of one blob in a batch. */
const notFoundCode = 5;

/** A server to copy from, by its pull or its push port. */
export function serverSource(server: ServerConnection): CopySource {
  const { url, clients, batchBytes } = server;

  async function asset(
    name: Extract<CopiedName, { kind: 'asset' }>,
    kind: AssetKind,
    signal: AbortSignal,
  ): Promise<CopiedContent | undefined> {
    const { instanceName, uri, qualifiers } = name;
    const assetName = { instanceName, kind, uri, qualifiers };
    const digest = await assetDigestOn(server, assetName, signal);
    if (digest === undefined) return undefined;
    const references =
      kind === 'blob' ? await referencesOf(name, digest, instanceName, signal) : noReferences;
    return {
      kind: 'asset',
      instanceName,
      name: assetName,
      // When it expires is not told apart from how long it is leased.
      asset: { digest, ...references, expireAt: undefined },
    };
  }

  /** Undefined references are none: the protocol does not give them back, and only BuildStream's messages tell. */
  async function referencesOf(
    { uri }: Extract<CopiedName, { kind: 'asset' }>,
    digest: Digest,
    instanceName: InstanceName,
    signal: AbortSignal,
  ): Promise<AssetReferences> {
    if (!isBuildStreamMessage(uri) || digest.sizeBytes > batchBytes) return noReferences;
    const [bytes] = await readAll(instanceName, [digest], signal);
    return bytes === undefined ? noReferences : buildStreamReferences(uri, digest, bytes);
  }

  async function contents(name: CopiedName, signal: AbortSignal): Promise<readonly CopiedContent[]> {
    const { instanceName } = name;
    if (name.kind === 'reference') {
      const { key } = name;
      const found = await unlessNotFound(
        server.call(signal, () => clients.references.getReference({ instanceName, key }, { signal })),
      );
      if (found === undefined) return [];
      return [{ kind: 'reference', instanceName, key, root: parseDigest(found.digest, 'sha256') }];
    }
    if (name.kind === 'asset') {
      const kinds = name.assetKind === undefined ? (['blob', 'directory'] as const) : [name.assetKind];
      const found = [];
      for (const kind of kinds) found.push(await asset(name, kind, signal));
      return found.filter((each) => each !== undefined);
    }
    const actionDigest = digestOf(name.hash, name.sizeBytes ?? 0, name.digestFunction);
    const result = await unlessNotFound(
      server.call(signal, () =>
        clients.actions.getActionResult(
          {
            instanceName,
            actionDigest: digestMessage(actionDigest),
            inlineStdout: false,
            inlineStderr: false,
            inlineOutputFiles: [],
            digestFunction: digestFunctionOf(actionDigest),
          },
          { signal },
        ),
      ),
    );
    return result === undefined ? [] : [{ kind: 'action', instanceName, actionDigest, result }];
  }

  async function readAll(
    instanceName: InstanceName,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const found = new Map<string, Uint8Array>();
    for (const [first, ...others] of byFunction(digests, (digest) => digest)) {
      if (first === undefined) continue;
      const wanted = [first, ...others];
      const { responses } = await server.call(signal, async () => {
        const answer = await clients.cas.batchReadBlobs(
          {
            instanceName,
            digests: wanted.map(digestMessage),
            acceptableCompressors: [],
            digestFunction: digestFunctionOf(first),
          },
          { signal },
        );
        for (const { status } of answer.responses) {
          const code = status?.code ?? 0;
          if (code !== 0 && code !== notFoundCode) throw statusError(code, status?.message ?? '', url);
        }
        return answer;
      });
      const byName = new Map(wanted.map((digest) => [`${digest.hash}/${digest.sizeBytes}`, digest]));
      for (const { digest, data } of responses) {
        const asked = digest && byName.get(`${digest.hash}/${digest.sizeBytes}`);
        if (asked !== undefined && areBytesOf(asked, data)) found.set(digestText(asked), data);
      }
    }
    return digests.map((digest) => found.get(digestText(digest)));
  }

  /** Goes on where it was cut. */
  async function* stream(
    instanceName: InstanceName,
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const resourceName = `${instancePrefix(instanceName)}blobs/${digestText(digest)}`;
    let position = offset;
    for (let attempt = 0; ; attempt++) {
      try {
        const request = { resourceName, readOffset: BigInt(position), readLimit: 0n };
        for await (const { data } of clients.bytes.read(request, { signal })) {
          position += data.length;
          attempt = 0;
          yield data;
        }
        if (position >= digest.sizeBytes) return;
        throw new CacheError('unavailable', `${url} ended ${digestText(digest)} at byte ${position}`);
      } catch (cause) {
        signal.throwIfAborted();
        const error = wireError(cause, url);
        if (!mayPass(error) || attempt >= server.retries.tries) throw error;
      }
      await pause(server.retries, attempt, signal);
    }
  }

  return {
    contents,
    findMissing: (instanceName, digests, signal) => findMissingOn(server, instanceName, digests, signal),
    readAll,
    read(instanceName, digest, offset, signal) {
      const bytes = stream(instanceName, digest, offset, signal);
      // What is sent from the middle on is verified by who has the beginning.
      return offset === 0 ? verifiedBytes(digest, bytes) : bytes;
    },
    batchBytes,
    close: () => Promise.resolve(server.close()),
  };
}
