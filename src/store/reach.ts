import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest } from '../core/digest.ts';
import { Tree } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { treeShape } from './directory-entries.ts';
import type { Durability, FoundBlob } from './durability.ts';
import { readMessage } from './stored-messages.ts';
import { beyond, treeBounds } from './tree-bounds.ts';
import type { CheckedTree, Reach, Trees } from './trees.ts';
import type { TreeKind, WholeTrees } from './whole-trees.ts';

/** What a reference of any kind leads to, and must find here. */
export interface WideReach extends Reach {
  /** Tree messages: the blobs themselves, and the files of all directories in them. */
  readonly trees: readonly Digest[];
}

/** Checks what references lead to. Everything that is found is leased. */
export interface ReachChecker {
  /** Rejects with 'invalid-argument' when something in it is no Directory or Tree, and with 'resource-exhausted' past the bounds of a walk. */
  check(reach: WideReach, signal?: AbortSignal): Promise<CheckedTree>;
  /** Whether all of it is here. What is no tree at all is not. */
  isWhole(reach: WideReach, signal?: AbortSignal): Promise<boolean>;
  /** The same for what is about to be referred to: resolves when all of it is on disk, else rejects with 'failed-precondition' and what is missing. */
  secure(reach: WideReach, what: string, signal?: AbortSignal): Promise<CheckedTree>;
}

export function reachChecker(
  blobs: Pick<BlobStore, 'findMissing' | 'readWhole'>,
  trees: Trees,
  durability: Durability,
  whole: WholeTrees,
): ReachChecker {
  /** The files of all directories of Tree messages, or undefined when one of these is not here. */
  async function filesOf(treeDigests: readonly Digest[], signal: AbortSignal | undefined) {
    const files = new Map<string, Digest>();
    let bytes = 0;
    for (const treeDigest of treeDigests) {
      signal?.throwIfAborted();
      bytes += treeDigest.sizeBytes;
      if (bytes > treeBounds.totalDirectoryBytes)
        throw beyond(`more than ${treeBounds.totalDirectoryBytes} bytes of directories`);
      const { root, children } = await readMessage(blobs, treeDigest, Tree, treeShape, 'Tree');
      for (const directory of root === undefined ? children : [root, ...children]) {
        for (const file of directory.files) {
          const digest = parseDigest(file.digest, treeDigest.digestFunction, 'file');
          files.set(digestText(digest), digest);
        }
      }
      if (files.size > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} files`);
    }
    return [...files.values()];
  }

  async function check(
    reach: WideReach,
    signal?: AbortSignal,
    onFound?: (blob: FoundBlob) => void,
  ): Promise<CheckedTree> {
    // They are leased before they are read, so that they do not go in between.
    const absent = await blobs.findMissing(reach.trees, signal);
    if (absent.length > 0) return { missing: absent, blobs: 0, bytes: 0, restMs: 0 };
    // Many outputs may be the same tree: it is read once.
    const distinct = [...new Map(reach.trees.map((tree) => [digestText(tree), tree])).values()];
    const files = await filesOf(distinct, signal);
    const all = [...reach.blobs, ...reach.trees, ...files];
    return await trees.check({ blobs: all, directories: reach.directories }, signal, onFound);
  }

  /** Trees that were found whole a while ago are not walked again: their roots are looked for, like other blobs. */
  async function checkNew(reach: WideReach, signal: AbortSignal | undefined): Promise<boolean> {
    const generation = whole.generation();
    const isKnown = (kind: TreeKind) => (root: Digest) => whole.isWhole(kind, root);
    const known = [...reach.directories.filter(isKnown('directory')), ...reach.trees.filter(isKnown('tree'))];
    if ((await blobs.findMissing([...reach.blobs, ...known], signal)).length > 0) return false;
    // That look may have shown that nothing which is remembered is to be trusted.
    const isNew = (root: Digest) => whole.generation() !== generation || !known.includes(root);
    const [directories, trees] = [reach.directories.filter(isNew), reach.trees.filter(isNew)];
    if (directories.length + trees.length === 0) return true;
    const begun = whole.generation();
    const { missing, restMs } = await check({ blobs: [], directories, trees }, signal);
    if (missing.length > 0) return false;
    for (const root of directories) whole.remember('directory', root, restMs, begun);
    for (const root of trees) whole.remember('tree', root, restMs, begun);
    return true;
  }

  return {
    check: (reach, signal) => check(reach, signal),
    async isWhole(reach, signal) {
      try {
        return await checkNew(reach, signal);
      } catch (error) {
        // What leads to something other than a tree, or to a damaged one, is of no use to anybody.
        if (error instanceof CacheError && (error.kind === 'invalid-argument' || error.kind === 'not-found'))
          return false;
        throw error;
      }
    },
    async secure(reach, what, signal) {
      const toSync: FoundBlob[] = [];
      const checked = await check(reach, signal, (blob) => {
        if (!durability.isSynced(blob)) toSync.push(blob);
      });
      if (checked.missing.length > 0) throw incomplete(what, checked.missing);
      await durability.sync(toSync);
      return checked;
    },
  };
}

function incomplete(what: string, missing: readonly Digest[]): CacheError {
  const names = missing.map(digestText);
  const sentence = `${what} is not whole: at least ${names.length} blobs are missing, the first is ${names[0]}; upload them and try again`;
  return new CacheError('failed-precondition', sentence, { missing: names });
}
