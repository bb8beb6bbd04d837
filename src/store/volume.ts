import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ActionCache } from '../core/action-cache.ts';
import type { AssetStore } from '../core/asset-store.ts';
import type { BlobIntakes } from '../core/blob-intake.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import type { ChunkStore } from '../core/chunk-store.ts';
import type { Clock } from '../core/clock.ts';
import type { BlobName } from '../core/digest.ts';
import { blobName, emptyDigests } from '../core/digest.ts';
import type { Logger, Observer } from '../core/observer.ts';
import { elapsedClock } from '../core/elapsed.ts';
import { instantOf } from '../core/instant.ts';
import { withReferenceAssets } from '../core/reference-assets.ts';
import type { ReferenceStore } from '../core/reference-store.ts';
import type { TreeStore } from '../core/tree-store.ts';
import { chunkingFiles } from './chunkings.ts';
import type { ValueStore } from '../core/value-store.ts';
import { type DurabilityMode, fileDurability } from './durability.ts';
import { syncUpwards } from './durable-file.ts';
import { type FileCalls, fileCallsFor } from './file-calls.ts';
import { volumeIntakes } from './intakes.ts';
import { leaseMemory } from './lease-memory.ts';
import { noLeaseMemory } from './no-lease-memory.ts';
import { type Layout, layoutOf, layoutVersion, makeFolders } from './layout.ts';
import { fileTimeLeases } from './file-time-leases.ts';
import { markProcess } from './process-marks.ts';
import { publishBlob, publishEmptyBlob } from './publish.ts';
import { elsewhere } from './elsewhere.ts';
import { reachChecker } from './reach.ts';
import { volumeRecords } from './records.ts';
import { recordsWithNumbers } from './records-with-numbers.ts';
import { seenBytes } from './seen-bytes.ts';
import { smallBlobs } from './small-blobs.ts';
import { measuredSpace } from './measured-space.ts';
import type { Space, SpaceLimits } from './space.ts';
import { storedTrees } from './trees.ts';
import { volumeActionCache } from './volume-action-cache.ts';
import { volumeAssetStore } from './volume-asset-store.ts';
import { volumeBlobStore } from './volume-blob-store.ts';
import { volumeChunkStore } from './volume-chunk-store.ts';
import { shortestGraceMs } from './trash.ts';
import { type VolumeClock, volumeClock } from './volume-clock.ts';
import { errnoOf, volumeError } from './volume-error.ts';
import { volumeReferenceStore } from './volume-reference-store.ts';
import { volumeValueStore } from './volume-value-store.ts';
import { noTrees, wholeTrees } from './whole-trees.ts';

/** Settings of a volume. */
export interface VolumeOptions extends SpaceLimits {
  /** The directory, made when it is not there. */
  readonly root: string;
  /** Names are kept and blobs are not: nothing that they lead to is looked for here. */
  readonly indexOnly: boolean;
  /** For how long what is answered stays. Milliseconds. */
  readonly leaseMs: number;
  /** A touched blob is not touched again for so long. Milliseconds. */
  readonly coalesceMs: number;
  /** Whether uploads that stop may be gone on with. */
  readonly keepsUploads: boolean;
  /** Whether a blob that was found a short while ago is promised again without a look. */
  readonly remembersLeases: boolean;
  /** What of that which is acknowledged survives a power cut. */
  readonly durability: DurabilityMode;
  /** Left out: this process is a server. False for one of several that together are one, and of which another says so. */
  readonly isServer?: boolean;
  /** Left out: calls are answered here. False: what these processes remember of blobs needs no memory in this one. */
  readonly answers?: boolean;
  /** Hears of each large blob whose bytes were compared with its hash, and of what tells its file from others, for Volume.learnVerified. */
  readonly onVerified?: (blob: BlobName, file: readonly number[]) => void;
}

/** The stores over one mounted directory. Any number of processes may open the same one. */
export interface Volume {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly intakes: BlobIntakes;
  readonly references: ReferenceStore;
  readonly assets: AssetStore;
  readonly actions: ActionCache;
  readonly values: ValueStore;
  readonly trees: TreeStore;
  readonly chunks: ChunkStore;
  readonly space: Space;
  /** The clock that dates its files: the one to tell their ages by. */
  readonly clock: VolumeClock;
  /** Whether a server was cut off when the machine last went down: touches may have been lost with it. */
  readonly cutOff: boolean;
  /** A blob was set aside: what is remembered of leases and trees is not true any more. */
  distrustLeases(): void;
  /** Another process of this server has compared the bytes of this file with their hash. */
  learnVerified(blob: BlobName, file: readonly number[]): void;
  /** Says that this server still runs; asked for once an hour. */
  renewMark(): Promise<void>;
  /** The orderly end of this server. */
  close(): Promise<void>;
  /** Rejects when the volume cannot take a file now; resolves at once on one that can. */
  checkWritable(): Promise<void>;
}

/** Opens a directory, an existing one of BuildStream included. Rejects with what to do about it when it cannot be used. */
export async function openVolume(
  options: VolumeOptions,
  clock: Clock,
  observer: Observer,
  logger: Logger,
): Promise<Volume> {
  const layout = layoutOf(resolve(options.root));
  await makeRoot(layout);
  const { isServer = true, answers = true } = options;
  if (options.durability === 'relaxed' && isServer)
    logger.warn(
      'pushes are acknowledged before they are on disk: a power cut may lose the last of them (DURABILITY=relaxed)',
    );
  const calls = await fileCallsFor(layout.root);
  await prepare(calls, layout, logger);
  const filesClock = await volumeClock(layout, options.leaseMs, clock).catch((error: unknown) => {
    throw volumeError(error, `opening ${layout.root}`);
  });
  const elapsed = elapsedClock(clock, () => performance.now());
  const memory = answers
    ? // Of several workers, some are hardly asked; a server of one process is.
      leaseMemory(options.leaseMs, elapsed, options.remembersLeases, !isServer)
    : noLeaseMemory(elapsed);
  const { coalesceMs } = options;
  const seen = seenBytes(options.leaseMs, options.onVerified);
  const leases = fileTimeLeases({
    calls,
    layout,
    coalesceMs,
    graceMs: shortestGraceMs,
    clock: filesClock.now,
    observer,
    memory,
    seen,
  });
  const space = await measuredSpace(layout, options, clock, observer);
  const blobs = volumeBlobStore(
    calls,
    layout,
    leases,
    seen,
    smallBlobs(options.leaseMs),
    space,
    observer,
    options.keepsUploads,
  );
  const intakes = volumeIntakes({
    layout,
    space,
    publish: (temporary, digest) => publishBlob(calls, layout, leases, temporary, digest),
  });
  const trees = storedTrees(blobs, leases);
  const { indexOnly, leaseMs } = options;
  const durability = fileDurability(options.durability, calls, layout, leases, observer);
  const whole = answers && options.remembersLeases ? wholeTrees(memory, elapsed) : noTrees;
  const reaches = indexOnly ? elsewhere : reachChecker(blobs, trees, durability, whole);
  const records = recordsWithNumbers(volumeRecords(calls, layout, leases, durability), space);
  const references = volumeReferenceStore(layout, records, reaches);
  const values = volumeValueStore(layout, records, reaches, leases);
  const actions = volumeActionCache(layout, records, reaches, blobs);
  const leasedUntil = () => (indexOnly ? undefined : instantOf(clock() + leaseMs));
  const assets = volumeAssetStore({ layout, records, reaches, space, clock, leasedUntil });
  const mark = isServer ? await unlessReadOnly(layout, markProcess(layout)) : undefined;
  const chunks = volumeChunkStore(blobs, chunkingFiles(layout, leases, space));
  return {
    layout,
    blobs,
    intakes,
    references,
    assets: withReferenceAssets(assets, references, leasedUntil),
    actions,
    values,
    trees,
    chunks,
    space,
    clock: filesClock,
    cutOff: mark?.cutOff ?? false,
    distrustLeases: () => leases.distrust(),
    learnVerified: (blob, file) => seen.learnRight(blob, file),
    renewMark: async () => await mark?.renew(),
    async close() {
      await space.close();
      await mark?.remove();
    },
    checkWritable: () => checkWritable(calls, layout),
  };
}

async function unlessReadOnly<T>({ root }: Layout, marking: Promise<T>): Promise<T | undefined> {
  try {
    return await marking;
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw volumeError(error, `opening ${root}`);
    return undefined;
  }
}

async function makeRoot({ root }: Layout): Promise<void> {
  try {
    const made = await mkdir(root, { recursive: true });
    // What is acknowledged is on disk up to the root: where that is new, its own name has to be too.
    if (made !== undefined) await syncUpwards(dirname(root), dirname(made));
  } catch (error) {
    throw volumeError(error, `making ${root}`);
  }
}

/** A read-only volume is served as it is; anything else that is wrong ends the start. */
async function prepare(calls: FileCalls, layout: Layout, logger: Logger): Promise<void> {
  try {
    await makeFolders(layout);
    await checkVersion(layout);
    await checkWritable(calls, layout);
  } catch (error) {
    if (errnoOf(error) === 'EROFS' || (error instanceof CacheError && errnoOf(error.cause) === 'EROFS')) {
      logger.warn('the volume is read-only: reads are served, uploads are refused', { volume: layout.root });
      return;
    }
    const { message } = volumeError(error, `opening ${layout.root}`);
    throw new CacheError('unavailable', message + (await ownership(layout, error)), { cause: error });
  }
}

/** Where rights are what is wrong: whose the directory is and who we are. */
async function ownership({ root }: Layout, error: unknown): Promise<string> {
  const cause = error instanceof CacheError ? error.cause : error;
  if (errnoOf(cause) !== 'EACCES' && errnoOf(cause) !== 'EPERM') return '';
  const owner = await stat(root).catch(() => undefined);
  return `. The server runs as uid ${process.getuid?.()}, ${root} belongs to uid ${owner?.uid}`;
}

/** A newer layout may mean something else by the same names: better not to start than to guess. */
async function checkVersion(layout: Layout): Promise<void> {
  try {
    await writeFile(layout.version, layoutVersion, { flag: 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const found = await readFile(layout.version, 'utf8');
    if (found !== '' && found !== layoutVersion) {
      throw new CacheError(
        'unavailable',
        `${layout.version} says layout ${found.trim()}, this server knows ${layoutVersion.trim()}: use a newer one`,
      );
    }
  }
}

/** Does what every upload does, with the blob that has no bytes. Those of other functions are made so that nobody who asks for one has to. */
async function checkWritable(calls: FileCalls, layout: Layout): Promise<void> {
  try {
    await publishEmptyBlob(calls, layout);
    for (const digest of emptyDigests) {
      if ((await calls.stat(layout.blob(blobName(digest)))) === undefined)
        await publishEmptyBlob(calls, layout, digest);
    }
  } catch (error) {
    throw volumeError(error, 'trying to write a file');
  }
}
