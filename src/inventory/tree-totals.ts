import { LRUCache } from 'lru-cache';
import type { TreeTotals } from '../core/browsing.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { DirectoryEntries, DirectoryReader } from './directory-reader.ts';

/** Adds up what is below folders. */
export interface TreeSums {
  /**
   * Undefined where directories below are not here, and where more of them would have to be read than a budget allows; what
   * was added up until then is kept, so that it goes on from there the next time.
   */
  of(reader: DirectoryReader, directory: Digest, budget: ReadBudget): Promise<TreeTotals | undefined>;
}

/** What may still be read for one question. Each read takes something from it. */
export interface ReadBudget {
  directories: number;
  /** Of Directory messages. */
  bytes: number;
  readonly signal: AbortSignal;
}

const mostKept = 50_000;

/** Sums of distinct directories, which never change: those used last are kept, at some 300 bytes each. */
export function treeSums(mostSums = mostKept): TreeSums {
  const known = new LRUCache<string, TreeTotals>({ max: mostSums });

  /** Undefined while some directory below is not known. */
  function sumOf({ files, directories }: DirectoryEntries, fresh: ReadonlyMap<string, TreeTotals>) {
    const sum = { files: files.length, folders: directories.length, bytes: 0 };
    for (const { digest } of files) sum.bytes += digest.sizeBytes;
    for (const { digest } of directories) {
      const below = fresh.get(digestText(digest)) ?? known.get(digestText(digest));
      if (below === undefined) return undefined;
      sum.files += below.files;
      sum.folders += below.folders;
      sum.bytes += below.bytes;
    }
    return sum;
  }

  return {
    async of(reader, directory, budget) {
      const fresh = new Map<string, TreeTotals>();
      // Children before their parents, without recursion: each directory stays until those in it are known.
      const waiting: { digest: Digest; entries: DirectoryEntries | undefined }[] = [
        { digest: directory, entries: undefined },
      ];
      for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
        const key = digestText(next.digest);
        if (fresh.has(key) || known.has(key)) {
          waiting.pop();
          continue;
        }
        next.entries ??= await readWithin(reader, next.digest, budget);
        if (next.entries === undefined) return undefined;
        const sum = sumOf(next.entries, fresh);
        if (sum !== undefined) {
          // A tree that names a folder very often has more files than there are numbers.
          if (!Object.values(sum).every(Number.isSafeInteger)) return undefined;
          known.set(key, sum);
          fresh.set(key, sum);
          waiting.pop();
          continue;
        }
        const unknown = next.entries.directories.find(
          ({ digest }) => !fresh.has(digestText(digest)) && !known.has(digestText(digest)),
        );
        if (unknown === undefined) return undefined;
        waiting.push({ digest: unknown.digest, entries: undefined });
      }
      return fresh.get(digestText(directory)) ?? known.get(digestText(directory));
    },
  };
}

async function readWithin(
  reader: DirectoryReader,
  digest: Digest,
  budget: ReadBudget,
): Promise<DirectoryEntries | undefined> {
  budget.signal.throwIfAborted();
  budget.directories -= 1;
  budget.bytes -= digest.sizeBytes;
  if (budget.directories < 0 || budget.bytes < 0) return undefined;
  return (await reader.read(digest)).entries;
}
