import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { type Slots, slots } from '../core/slots.ts';
import { type BlobBytes, type CopySource, type CopyTarget, NotWholeError } from './copy-ends.ts';
import type { ReachedGroup } from './reached-groups.ts';

/** What a transfer tells of its work. */
export interface TransferObserver {
  /** Blobs that the target was asked for, or was known to have. */
  looked(blobs: number): void;
  /** Bytes on their way to the target; those of a blob that is tried again count again. */
  sentBytes(bytes: number): void;
  sentBlobs(blobs: number): void;
}

/** The instances that blobs are read from and sent to. */
export interface BetweenInstances {
  readonly from: InstanceName;
  readonly to: InstanceName;
}

/** Brings blobs to the target that it does not have. */
export interface BlobTransfer {
  /** Resolves when the target has all of the group. Rejects with NotWholeError for what the source does not have. */
  bring(instances: BetweenInstances, group: ReachedGroup, signal: AbortSignal): Promise<void>;
  /** The target has said that it does not have what it should: it is asked for everything again. */
  forget(): void;
}

/** Digests in one FindMissingBlobs. */
const mostAsked = 1000;
/** Blobs in one batch. */
const mostInBatch = 500;
/** What the target was found to have is not asked for again for a while: artifacts share much. It is leased there for an hour. */
const remembered = { max: 50_000, ttl: 600_000 };

/** `jobs`: transfers at once, of all names together; each holds a batch or a piece of a large blob. `dryRun` sends nothing, and counts as if it had. */
export function blobTransfer(
  source: CopySource,
  target: CopyTarget,
  { jobs, dryRun }: { jobs: number; dryRun: boolean },
  observer: TransferObserver,
): BlobTransfer {
  const batchBytes = Math.min(source.batchBytes, target.batchBytes);
  const places: Slots = slots(jobs);
  const settled = new LRUCache<string, true>(remembered);
  /** What is being sent: another name may need the same. */
  const underWay = new Map<string, Promise<void>>();

  async function bring(
    instances: BetweenInstances,
    { digests, held }: ReachedGroup,
    signal: AbortSignal,
  ): Promise<void> {
    // A target may keep the blobs of each instance apart, and says so when it is asked. One that is sent nothing cannot: there
    // instances are taken to share blobs, as Weir's do.
    const keyOf = (digest: Digest) => `${dryRun ? '' : instances.to}\0${digestText(digest)}`;
    const unsettled = digests.filter((digest) => !settled.has(keyOf(digest)));
    observer.looked(digests.length - unsettled.length);
    for (let at = 0; at < unsettled.length; at += mostAsked) {
      const asked = unsettled.slice(at, at + mostAsked);
      // Where another name was sending the same and has failed, it is ours to send.
      while (!(await bringSome(instances, asked, held, keyOf, signal)));
      for (const digest of asked) settled.set(keyOf(digest), true);
      observer.looked(asked.length);
    }
  }

  /** False when something that another name was sending has not arrived. */
  async function bringSome(
    instances: BetweenInstances,
    asked: readonly Digest[],
    held: ReachedGroup['held'],
    keyOf: (digest: Digest) => string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const missing = await target.findMissing(instances.to, asked, signal);
    const awaited = missing.flatMap((digest) => underWay.get(keyOf(digest)) ?? []);
    const ours = missing.filter((digest) => !underWay.has(keyOf(digest)) && !settled.has(keyOf(digest)));
    const sending = unitsOf(ours, batchBytes).map(begun);
    for (const { unit, promise } of sending) for (const digest of unit) underWay.set(keyOf(digest), promise);
    try {
      if (dryRun) await expectAtSource(instances.from, ours, held, signal);
      await pMap(
        sending,
        async ({ unit, resolve }) => {
          const release = await places.take(signal);
          try {
            await send(instances, unit, held, signal);
            for (const digest of unit) settled.set(keyOf(digest), true);
            resolve();
          } finally {
            release();
          }
        },
        { concurrency: jobs },
      );
    } finally {
      for (const { unit, reject } of sending) {
        for (const digest of unit) underWay.delete(keyOf(digest));
        // Nothing for those that have arrived.
        reject(new Error('not sent'));
      }
    }
    const ended = await Promise.allSettled(awaited);
    return ended.every(({ status }) => status === 'fulfilled');
  }

  async function send(
    { from, to }: BetweenInstances,
    unit: readonly Digest[],
    held: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const [only] = unit;
    if (dryRun) observer.sentBytes(unit.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    else if (only !== undefined && only.sizeBytes > batchBytes) {
      await target.upload(to, only, (offset) => counted(source.read(from, only, offset, signal)), signal);
    } else {
      const blobs = await bytesOf(from, unit, held, signal);
      await target.putAll(to, blobs, signal);
      observer.sentBytes(blobs.reduce((sum, { bytes }) => sum + bytes.length, 0));
    }
    observer.sentBlobs(unit.length);
  }

  async function bytesOf(
    from: InstanceName,
    unit: readonly Digest[],
    held: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<BlobBytes[]> {
    const wanted = unit.filter((digest) => !held.has(digestText(digest)));
    const read = wanted.length === 0 ? [] : await source.readAll(from, wanted, signal);
    const found = new Map(wanted.map((digest, index) => [digestText(digest), read[index]]));
    return unit.map((digest) => {
      const bytes = held.get(digestText(digest)) ?? found.get(digestText(digest));
      if (bytes === undefined) throw notThere(digest);
      return { digest, bytes };
    });
  }

  async function* counted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of bytes) {
        observer.sentBytes(chunk.length);
        yield chunk;
      }
    } catch (error) {
      // Of the source: the target never says this of a blob that it is being sent.
      if (error instanceof CacheError && error.kind === 'not-found') throw new NotWholeError(error.message);
      throw error;
    }
  }

  async function expectAtSource(
    from: InstanceName,
    digests: readonly Digest[],
    held: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const wanted = digests.filter((digest) => !held.has(digestText(digest)));
    const [missing] = wanted.length === 0 ? [] : await source.findMissing(from, wanted, signal);
    if (missing !== undefined) throw notThere(missing);
  }

  return { bring, forget: () => settled.clear() };
}

/** With a promise that others may wait for, or nobody. */
function begun(unit: readonly Digest[]) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  return { unit, promise, resolve, reject };
}

/** Batches of small blobs, and large blobs alone. */
function unitsOf(digests: readonly Digest[], batchBytes: number): Digest[][] {
  const units: Digest[][] = [];
  let batch: Digest[] = [];
  let bytes = 0;
  for (const digest of digests) {
    if (digest.sizeBytes > batchBytes) {
      units.push([digest]);
      continue;
    }
    if (batch.length >= mostInBatch || bytes + digest.sizeBytes > batchBytes) {
      if (batch.length > 0) units.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(digest);
    bytes += digest.sizeBytes;
  }
  if (batch.length > 0) units.push(batch);
  return units;
}

function notThere(digest: Digest): NotWholeError {
  return new NotWholeError(`the blob ${digestText(digest)} is not at the source, or is damaged`);
}
