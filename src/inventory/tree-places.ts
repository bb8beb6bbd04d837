import {
  type BlobPresence,
  entriesPerPage,
  type FolderPage,
  type RecordView,
  type TreeEntry,
  type TreePlace,
} from '../core/browsing.ts';
import type { Digest } from '../core/digest.ts';
import type { Layout } from '../store/layout.ts';
import { beyond, treeBounds } from '../store/tree-bounds.ts';
import {
  type BlobState,
  type DirectoryReader,
  isHere,
  lookAtFile,
  treeContents,
  volumeDirectories,
} from './directory-reader.ts';
import type { RecordPart } from './record-parts.ts';
import { type ReadBudget, treeSums } from './tree-totals.ts';

/** Finds places in what records lead to: reads the directories on the way there, and some below for their sizes. */
export interface TreePlaces {
  /** What is at a path below a record, undefined where nothing is; entries of a folder from behind `after`. */
  at(
    record: RecordView,
    parts: readonly RecordPart[],
    path: string,
    after: string,
    signal: AbortSignal,
  ): Promise<TreePlace | undefined>;
}

/** Something with a name, before anybody has looked for its blob. */
interface Named {
  readonly name: string;
  readonly type: TreeEntry['type'];
  readonly digest: Digest | undefined;
  readonly isExecutable: boolean;
  readonly target: string | undefined;
  /** How to look into it, for a folder; undefined where its Tree message is not here or is none. */
  readonly inside: Inside | undefined;
}

interface Inside {
  readonly directory: Digest;
  readonly reader: DirectoryReader;
  readonly sums: ReturnType<typeof treeSums>;
}

/** For the sizes of the folders on one page: a reload goes on where this ends. */
const sumDirectories = 2000;
const sumBytes = 32 * 1024 * 1024;

export function treePlaces(layout: Layout): TreePlaces {
  const stored = { reader: volumeDirectories(layout), sums: treeSums() };

  /** What is in a Tree message has sums of its own, for it may name directories that it does not have. */
  async function topOf({ path, type, digest, isExecutable }: RecordPart): Promise<Named> {
    const named = { name: path, digest, isExecutable, target: undefined };
    if (type === 'file') return { ...named, type, inside: undefined };
    if (type === 'directory') return { ...named, type: 'folder', inside: { ...stored, directory: digest } };
    const tree = await treeContents(layout, digest);
    const inside = tree.reader && {
      directory: tree.root,
      reader: tree.reader,
      sums: treeSums(sumDirectories),
    };
    return { ...named, type: 'folder', inside };
  }

  async function entryOf({ inside, ...named }: Named, budget: ReadBudget): Promise<TreeEntry> {
    const { digest, type } = named;
    const presence = digest === undefined ? 'present' : presenceOf((await lookAtFile(layout, digest)).state);
    // What is in a Tree message is no blob of its own.
    const isInTree = type === 'folder' && inside !== undefined && inside.reader !== stored.reader;
    const totals = inside && (await inside.sums.of(inside.reader, inside.directory, budget));
    const sizeBytes = type === 'file' ? digest?.sizeBytes : totals?.bytes;
    return { ...named, totals, sizeBytes, presence: isInTree ? 'present' : presence };
  }

  async function pageOf(
    found: readonly Named[],
    after: string,
    budget: ReadBudget,
  ): Promise<FolderPage<TreeEntry>> {
    const sorted = found.toSorted((one, other) => order(one.name, other.name));
    const from = after === '' ? 0 : sorted.findIndex(({ name }) => order(name, after) > 0);
    const shown = from === -1 ? [] : sorted.slice(from, from + entriesPerPage);
    const entries: TreeEntry[] = [];
    for (const named of shown) {
      budget.signal.throwIfAborted();
      entries.push(await entryOf(named, budget));
    }
    const isLast = from === -1 || from + entriesPerPage >= sorted.length;
    return { entries, next: isLast ? undefined : shown.at(-1)?.name };
  }

  async function folderAt(
    record: RecordView,
    inside: Inside | undefined,
    after: string,
    budget: ReadBudget,
  ): Promise<TreePlace> {
    const look = await inside?.reader.read(inside.directory);
    const found = look?.entries === undefined || inside === undefined ? [] : childrenOf(look.entries, inside);
    const page = await pageOf(found, after, budget);
    const totals = inside && (await inside.sums.of(inside.reader, inside.directory, budget));
    const presence = look === undefined ? 'damaged' : presenceOf(look.state);
    return { type: 'folder', record, page, totals, presence };
  }

  async function placeOf(
    found: Named,
    record: RecordView,
    after: string,
    budget: ReadBudget,
  ): Promise<TreePlace> {
    if (found.type === 'folder') return await folderAt(record, found.inside, after, budget);
    return { type: 'file', record, file: await entryOf(found, budget) };
  }

  /** For a list of many, Tree messages are not read: only when somebody looks into one. */
  async function listedPart(part: RecordPart): Promise<Named> {
    if (part.type !== 'tree') return await topOf(part);
    const { path: name, digest } = part;
    return { name, digest, type: 'folder', isExecutable: false, target: undefined, inside: undefined };
  }

  async function partNamed(parts: readonly RecordPart[], path: string, signal: AbortSignal) {
    const part = parts.find(({ path: name }) => path === name || path.startsWith(`${name}/`));
    if (part === undefined) return undefined;
    const top = await topOf(part);
    return path === part.path ? top : await below(top.inside, path.slice(part.path.length + 1), signal);
  }

  return {
    async at(record, parts, path, after, signal) {
      const budget: ReadBudget = { directories: sumDirectories, bytes: sumBytes, signal };
      const [only] = parts;
      const root = parts.length === 1 && only?.path === '' ? await topOf(only) : undefined;
      if (path === '') {
        if (root !== undefined) return await folderAt(record, root.inside, after, budget);
        const listed = await Promise.all(behind(parts, after).map(listedPart));
        const page = await pageOf(listed, after, budget);
        return { type: 'folder', record, page, totals: undefined, presence: 'present' };
      }
      const found =
        root === undefined ? await partNamed(parts, path, signal) : await below(root.inside, path, signal);
      return found && (await placeOf(found, record, after, budget));
    },
  };
}

/** As many parts as a page needs to know whether there is another. */
function behind(parts: readonly RecordPart[], after: string): readonly RecordPart[] {
  return parts
    .filter(({ path }) => after === '' || order(path, after) > 0)
    .toSorted((one, other) => order(one.path, other.path))
    .slice(0, entriesPerPage + 1);
}

/** Follows a path from a folder, reading each folder on the way. */
async function below(
  from: Inside | undefined,
  path: string,
  signal: AbortSignal,
): Promise<Named | undefined> {
  const segments = path.split('/');
  if (segments.length > treeBounds.depth) throw beyond(`more than ${treeBounds.depth} levels`);
  let inside = from;
  let found: Named | undefined;
  for (const segment of segments) {
    signal.throwIfAborted();
    if (inside === undefined) return undefined;
    const { entries } = await inside.reader.read(inside.directory);
    found = entries && childrenOf(entries, inside).find(({ name }) => name === segment);
    if (found === undefined) return undefined;
    inside = found.inside;
  }
  return found;
}

type Entries = NonNullable<Awaited<ReturnType<DirectoryReader['read']>>['entries']>;

function childrenOf({ directories, files, symlinks }: Entries, inside: Inside): Named[] {
  const plain = { digest: undefined, isExecutable: false, target: undefined, inside: undefined };
  return [
    ...directories.map(({ name, digest }) => ({
      ...plain,
      name,
      digest,
      type: 'folder' as const,
      inside: { ...inside, directory: digest },
    })),
    ...files.map((file) => ({ ...plain, ...file, type: 'file' as const })),
    ...symlinks.map((symlink) => ({ ...plain, ...symlink, type: 'symlink' as const })),
  ];
}

function presenceOf(state: BlobState): BlobPresence {
  if (isHere(state)) return 'present';
  return state === 'missing' || state === 'wrong-size' ? 'missing' : 'damaged';
}

function order(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
