import type { Stats } from 'node:fs';
import pMap from 'p-map';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { TreeSummary } from '../core/reference-store.ts';
import type { TreeStore, VisitedDirectory } from '../core/tree-store.ts';
import { Directory } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type DirectoryDigests, digestsIn, scannedDigests, subdirectoriesIn } from './directory-digests.ts';
import { directoryShape } from './directory-entries.ts';
import type { FoundBlob } from './durability.ts';
import { fileIdentity } from './known-files.ts';
import { type SeenDigests, seenDigests } from './seen-digests.ts';
import { messageIn, readBounded } from './stored-messages.ts';
import { type Leases, lookupsAtOnce, usedAtMs } from './leases.ts';
import { beyond, treeBounds } from './tree-bounds.ts';
import { beginTreeWalk, type TreeWalk } from './tree-walks.ts';

const directoriesAtOnce = 8;
/** A level may be of any width: so much of it is held in memory as messages. */
const heldDirectories = 64;
const heldDirectoryBytes = 2 * 1024 * 1024;
/**
 * A message to a client names this many missing blobs at most. gRPC clients take 8 KiB of metadata in
 * all, and answer themselves with RESOURCE_EXHAUSTED to more: BuildStream would count the push as skipped.
 */
const missingReported = 32;

/** What something leads to. */
export interface Reach {
  readonly blobs: readonly Digest[];
  /** Roots of trees of Directory messages. */
  readonly directories: readonly Digest[];
}

/** What a check of a whole tree found. */
export interface CheckedTree extends TreeSummary {
  /** Empty when the tree is whole; else the first that are missing. */
  readonly missing: readonly Digest[];
  /** For how long none of it need be looked at again. Milliseconds. */
  readonly restMs: number;
}

type Subdirectories = Pick<DirectoryDigests, 'directories'>;
type ReadDirectory<T> = (digest: Digest) => Promise<T>;

interface Visited<T> {
  readonly digest: Digest;
  readonly stats: Stats;
  readonly read: T;
}

/** Walks trees, level by level and without recursion: each distinct blob is looked at once. */
export interface Trees extends TreeStore {
  /**
   * Leases everything that is reached and counts it; `onFound` hears of each blob once.
   * Rejects with 'invalid-argument' when something in it is no Directory, and with
   * 'resource-exhausted' past the bounds of a walk.
   */
  check(reach: Reach, signal?: AbortSignal, onFound?: (blob: FoundBlob) => void): Promise<CheckedTree>;
}

/** Trees over the blobs of a volume. `goesOn`: a check visits all that is here, however much is missing. */
export function storedTrees(
  blobs: Pick<BlobStore, 'readWhole'>,
  leases: Pick<Leases, 'touchAll' | 'restMs'>,
  goesOn = false,
): Trees {
  const readDirectory = (digest: Digest) => readBounded(blobs, digest, directoryShape, 'Directory');
  const directoryIn = (bytes: Uint8Array, digest: Digest) => messageIn(bytes, digest, Directory, 'Directory');

  async function digestsOf(digest: Digest): Promise<DirectoryDigests> {
    const bytes = await readDirectory(digest);
    const scanned = scannedDigests(bufferOf(bytes), digest.digestFunction);
    return scanned ?? digestsIn(directoryIn(bytes, digest), digest.digestFunction);
  }

  async function directoryOf(digest: Digest): Promise<Subdirectories & { directory: Directory }> {
    const directory = directoryIn(await readDirectory(digest), digest);
    return { directory, directories: subdirectoriesIn(directory, digest.digestFunction) };
  }

  /** What was read of the directory, with its file, or undefined when either is not here as it should be. */
  async function visit<T>(digest: Digest, read: ReadDirectory<T>): Promise<Visited<T> | undefined> {
    const [stats] = await leases.touchAll([digest], undefined, true);
    if (stats === undefined) return undefined;
    try {
      return { digest, stats, read: await read(digest) };
    } catch (error) {
      if (error instanceof CacheError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  /** Level by level, in groups that fit in memory; an element is undefined where a directory is missing. */
  async function* visits<T extends Subdirectories>(
    roots: readonly Digest[],
    read: ReadDirectory<T>,
    walk: TreeWalk,
    signal: AbortSignal | undefined,
  ) {
    const seen = seenDigests();
    let level = unseen(roots, seen);
    let directoryBytes = 0;
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > treeBounds.depth) throw beyond(`more than ${treeBounds.depth} levels`);
      directoryBytes += level.reduce((sum, digest) => sum + digest.sizeBytes, 0);
      if (directoryBytes > treeBounds.totalDirectoryBytes)
        throw beyond(`more than ${treeBounds.totalDirectoryBytes} bytes of directories`);
      const next: Digest[] = [];
      for (const wanted of groups(level)) {
        signal?.throwIfAborted();
        await walk.expect(seen.size);
        const visited = await pMap(wanted, (digest) => visit(digest, read), {
          concurrency: directoriesAtOnce,
        });
        for (const directory of visited)
          for (const digest of unseen(directory?.read.directories ?? [], seen)) next.push(digest);
        if (seen.size > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} directories`);
        yield { wanted, visited };
      }
      level = next;
    }
  }

  async function check(
    reach: Reach,
    signal?: AbortSignal,
    onFound?: (blob: FoundBlob) => void,
  ): Promise<CheckedTree> {
    const walk = await beginTreeWalk('own', signal);
    try {
      return await checkOn(walk, reach, signal, onFound);
    } finally {
      walk.end();
    }
  }

  async function checkOn(
    walk: TreeWalk,
    reach: Reach,
    signal: AbortSignal | undefined,
    onFound: ((blob: FoundBlob) => void) | undefined,
  ): Promise<CheckedTree> {
    const seenFiles = seenDigests();
    const missing: Digest[] = [];
    let count = 0;
    let bytes = 0;
    let oldest: Stats | undefined;
    const noteFound = (digest: Digest, stats: Stats) => {
      count++;
      bytes += digest.sizeBytes;
      if (oldest === undefined || usedAtMs(stats) < usedAtMs(oldest)) oldest = stats;
      onFound?.({ digest, identity: fileIdentity(stats) });
    };
    const noteMissing = (digest: Digest) => {
      if (missing.length < missingReported) missing.push(digest);
    };
    const lookFor = async (digests: readonly Digest[]) => {
      if (seenFiles.size > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} files`);
      await walk.expect(seenFiles.size);
      // What is told of files lives so short in pieces that collecting it costs nearly nothing.
      for (let start = 0; start < digests.length; start += lookupsAtOnce) {
        const piece = digests.slice(start, start + lookupsAtOnce);
        const found = await leases.touchAll(piece, signal, true);
        // Pairs of entries() are objects until all of this is compiled.
        for (let index = 0; index < piece.length; index++) {
          const digest = piece[index];
          const stats = found[index];
          if (digest === undefined) continue;
          if (stats === undefined) noteMissing(digest);
          else noteFound(digest, stats);
        }
      }
    };
    await lookFor(unseen(reach.blobs, seenFiles));
    for await (const { wanted, visited } of visits(reach.directories, digestsOf, walk, signal)) {
      const found: Digest[] = [];
      for (const [index, directory] of visited.entries()) {
        if (directory === undefined) wanted.slice(index, index + 1).forEach(noteMissing);
        else {
          noteFound(directory.digest, directory.stats);
          for (const digest of unseen(directory.read.files, seenFiles)) found.push(digest);
        }
      }
      await lookFor(found);
      if (missing.length >= missingReported && !goesOn) break;
    }
    const restMs = oldest === undefined ? Number.POSITIVE_INFINITY : leases.restMs(oldest);
    return { missing, blobs: count, bytes, restMs };
  }

  async function* directories(root: Digest, signal?: AbortSignal): AsyncGenerator<VisitedDirectory> {
    const walk = await beginTreeWalk('of-client', signal);
    try {
      for await (const { wanted, visited } of visits([root], directoryOf, walk, signal)) {
        if (wanted[0] === root && visited[0] === undefined) {
          throw new CacheError('not-found', `the root directory ${digestText(root)} is not here`);
        }
        for (const found of visited)
          if (found !== undefined) yield { digest: found.digest, directory: found.read.directory };
      }
    } finally {
      walk.end();
    }
  }

  return { check, directories };
}

/** A level in pieces of bounded size, in its order; a directory larger than that is alone. */
function* groups(level: readonly Digest[]): Generator<Digest[]> {
  let group: Digest[] = [];
  let bytes = 0;
  for (const digest of level) {
    if (
      group.length >= heldDirectories ||
      (group.length > 0 && bytes + digest.sizeBytes > heldDirectoryBytes)
    ) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(digest);
    bytes += digest.sizeBytes;
  }
  if (group.length > 0) yield group;
}

function unseen(digests: readonly Digest[], seen: SeenDigests): readonly Digest[] {
  return digests.filter((digest) => seen.add(digest));
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
