import type { Stats } from 'node:fs';
import pMap from 'p-map';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest } from '../core/digest.ts';
import type { TreeSummary } from '../core/reference-store.ts';
import type { TreeStore, VisitedDirectory } from '../core/tree-store.ts';
import { Directory } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { directoryShape } from './directory-entries.ts';
import type { FoundBlob } from './durability.ts';
import { fileIdentity } from './known-files.ts';
import { readMessage } from './stored-messages.ts';
import type { Leases } from './leases.ts';
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
  async function readDirectory(digest: Digest): Promise<Directory> {
    return (await readMessage(blobs, digest, Directory, directoryShape, 'Directory')).message;
  }

  /** The directory with its file, or undefined when either is not here as it should be. */
  async function visit(digest: Digest): Promise<(VisitedDirectory & { stats: Stats }) | undefined> {
    const [stats] = await leases.touchAll([digest], undefined, true);
    if (stats === undefined) return undefined;
    try {
      return { digest, stats, directory: await readDirectory(digest) };
    } catch (error) {
      if (error instanceof CacheError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  /** Level by level, in groups that fit in memory; an element is undefined where a directory is missing. */
  async function* visits(roots: readonly Digest[], walk: TreeWalk, signal: AbortSignal | undefined) {
    const seen = new Set<string>();
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
        const visited = await pMap(wanted, visit, { concurrency: directoriesAtOnce });
        for (const directory of visited) {
          const digests = directory?.directory.directories.map(({ digest }) =>
            parseDigest(digest, directory.digest.digestFunction, 'subdirectory'),
          );
          for (const digest of unseen(digests ?? [], seen)) next.push(digest);
        }
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
    const seenFiles = new Set<string>();
    const missing: Digest[] = [];
    let count = 0;
    let bytes = 0;
    let restMs = Number.POSITIVE_INFINITY;
    const noteFound = (digest: Digest, stats: Stats) => {
      count++;
      bytes += digest.sizeBytes;
      restMs = Math.min(restMs, leases.restMs(stats));
      onFound?.({ digest, identity: fileIdentity(stats) });
    };
    const noteMissing = (digest: Digest) => {
      if (missing.length < missingReported) missing.push(digest);
    };
    const lookFor = async (digests: readonly Digest[]) => {
      if (seenFiles.size > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} files`);
      await walk.expect(seenFiles.size);
      for (const [index, stats] of (await leases.touchAll(digests, signal, true)).entries()) {
        const digest = digests[index];
        if (digest === undefined) continue;
        if (stats === undefined) noteMissing(digest);
        else noteFound(digest, stats);
      }
    };
    await lookFor(unseen(reach.blobs, seenFiles));
    for await (const { wanted, visited } of visits(reach.directories, walk, signal)) {
      const found: Digest[] = [];
      for (const [index, directory] of visited.entries()) {
        if (directory === undefined) wanted.slice(index, index + 1).forEach(noteMissing);
        else {
          noteFound(directory.digest, directory.stats);
          const files = directory.directory.files.map(({ digest }) =>
            parseDigest(digest, directory.digest.digestFunction, 'file'),
          );
          for (const digest of unseen(files, seenFiles)) found.push(digest);
        }
      }
      await lookFor(found);
      if (missing.length >= missingReported && !goesOn) break;
    }
    return { missing, blobs: count, bytes, restMs };
  }

  async function* directories(root: Digest, signal?: AbortSignal): AsyncGenerator<VisitedDirectory> {
    const walk = await beginTreeWalk('of-client', signal);
    try {
      for await (const { wanted, visited } of visits([root], walk, signal)) {
        if (wanted[0] === root && visited[0] === undefined) {
          throw new CacheError('not-found', `the root directory ${digestText(root)} is not here`);
        }
        for (const directory of visited) if (directory !== undefined) yield directory;
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

function unseen(digests: readonly Digest[], seen: Set<string>): Digest[] {
  return digests.filter((digest) => {
    const text = digestText(digest);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
