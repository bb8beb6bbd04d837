import { createHash } from 'node:crypto';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import { type Digest, digestText, isEmptyBlob } from '../core/digest.ts';
import type { Logger, Observer } from '../core/observer.ts';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Layout } from '../store/layout.ts';
import { openVolume, type Volume, type VolumeOptions } from '../store/volume.ts';
import type { CopiedContent } from './copied-name.ts';
import type { CopyTarget } from './copy-ends.ts';
import { volumeSource } from './volume-source.ts';

/** What it has in common with the servers on the same directory. */
export type VolumeTargetOptions = Pick<VolumeOptions, 'root' | 'leaseMs' | 'headRoomMin' | 'headRoomMax'>;

/** A touch is skipped for this part of the lease. */
const coalesceShare = 6;
const batchBytes = 1024 * 1024;

/** The directory of a cache to copy to, made when it is not there. It is opened as servers do, which may be running on it. */
export async function volumeTarget(
  options: VolumeTargetOptions,
  clock: Clock,
  logger: Logger,
): Promise<CopyTarget> {
  const volume = await openVolume(
    {
      ...options,
      indexOnly: false,
      coalesceMs: options.leaseMs / coalesceShare,
      keepsUploads: true,
      // Whoever else removes something here, every look is at the disk.
      remembersLeases: false,
      durability: 'strict',
      // Quotas are kept by servers, which measure; what is written here they hear of.
      quotaBytes: undefined,
    },
    clock,
    nobody,
    logger,
  );
  return {
    has: (content, signal) => has(volume, content, signal),
    findMissing: (_instanceName, digests, signal) => volume.blobs.findMissing(digests, signal),
    async putAll(_instanceName, blobs, signal) {
      for (const { digest, bytes } of blobs) {
        signal.throwIfAborted();
        await volume.blobs.put(digest, bytes);
      }
    },
    upload: (_instanceName, digest, bytesFrom, signal) => upload(volume, digest, bytesFrom, signal),
    write: (content, signal) => write(volume, content, signal),
    batchBytes,
    close: () => volume.close(),
  };
}

/** The same directory for a dry run, which only looks: it need not be there. */
export function lookedAtVolume(layout: Layout, clock: Clock): CopyTarget {
  const source = volumeSource(layout, clock);
  const onlyLooked = () => Promise.reject(new Error('a directory that is only looked at is not written to'));
  return {
    async has(content, signal) {
      const [found] = await source.contents(nameOf(content), signal);
      return found !== undefined && meaningOf(found) === meaningOf(content);
    },
    findMissing: (instanceName, digests, signal) =>
      source.findMissing(
        instanceName,
        // It comes with the directory.
        digests.filter((digest) => !isEmptyBlob(digest)),
        signal,
      ),
    putAll: onlyLooked,
    upload: onlyLooked,
    write: onlyLooked,
    batchBytes,
    close: () => source.close(),
  };
}

function nameOf(content: CopiedContent) {
  if (content.kind === 'reference') {
    return content;
  }
  if (content.kind === 'asset') {
    const { kind: assetKind, ...name } = content.name;
    return { kind: content.kind, assetKind, ...name };
  }
  return { kind: content.kind, instanceName: content.instanceName, ...content.actionDigest };
}

/** What a name leads to first, as a text. */
function meaningOf(content: CopiedContent): string {
  if (content.kind === 'reference') {
    return digestText(content.root);
  }
  if (content.kind === 'asset') {
    return digestText(content.asset.digest);
  }
  return encoded(content.result);
}

async function has(volume: Volume, content: CopiedContent, signal: AbortSignal): Promise<boolean> {
  if (content.kind === 'reference') {
    const root = await volume.references.get(content.instanceName, content.key, signal);
    return root !== undefined && digestText(root) === digestText(content.root);
  }
  if (content.kind === 'asset') {
    const { digest } = content.asset;
    const { digestFunction } = digest;
    const wanted = { oldestContentAccepted: undefined, digestFunction };
    const found = await volume.assets.fetch(content.name, wanted, signal);
    return found !== undefined && digestText(found.digest) === digestText(digest);
  }
  const kept = await volume.actions.get(content.instanceName, content.actionDigest, signal);
  return kept !== undefined && encoded(kept.result) === encoded(content.result);
}

async function write(volume: Volume, content: CopiedContent, signal: AbortSignal): Promise<void> {
  const { instanceName } = content;
  if (content.kind === 'reference') {
    await volume.references.update(instanceName, [content.key], content.root, signal);
    return;
  }
  if (content.kind === 'action') {
    await volume.actions.update(instanceName, content.actionDigest, content.result, signal);
    return;
  }
  const { missing } = await volume.assets.push([content.name], content.asset, signal);
  if (missing.length > 0)
    throw new CacheError('failed-precondition', `${missing[0]} is not there any more`, { missing });
}

async function upload(
  { blobs }: Volume,
  digest: Digest,
  bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  // The same in each run: a later one finds what an earlier one has left unfinished.
  const name = `weir cp ${createHash('sha256').update(digestText(digest)).digest('hex')}`;
  const kept = await blobs.committedSize(name);
  const offset = kept < digest.sizeBytes ? kept : 0;
  const receiving = await blobs.openUpload(name, digest, offset);
  let ended = false;
  try {
    for await (const chunk of bytesFrom(offset)) {
      signal.throwIfAborted();
      await receiving.write(chunk);
    }
    ended = true;
    await receiving.finish();
  } catch (error) {
    if (!ended) await receiving.leave(!(error instanceof CacheError));
    throw error;
  }
}

function encoded(result: ActionResult): string {
  return Buffer.from(ActionResult.encode(result).finish()).toString('base64');
}

/** There are no metrics here: whatever is told, nobody hears it. */
const nobody = new Proxy({}, { get: () => () => {} }) as Observer;
