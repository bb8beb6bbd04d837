import { type Digest, digestText } from '../core/digest.ts';
import type { Layout } from '../store/layout.ts';
import { beyond, treeBounds } from '../store/tree-bounds.ts';
import { seenDigests, type SeenDigests } from './digest-table.ts';
import {
  type BlobState,
  type DirectoryReader,
  isHere,
  treeContents,
  volumeDirectories,
} from './directory-reader.ts';
import { directoriesUpwards, nothingSeen, placeText, reachedBlobs } from './reached-blobs.ts';
import type { RecordPart } from './record-parts.ts';

/** What a tree leads to. */
export interface ReachSummary {
  /** Distinct, directories included; those that are not here are counted in `missing` alone. */
  readonly blobs: number;
  readonly bytes: number;
  readonly diskBytes: number;
  /** Distinct blobs that are not here, or are not what they have to be. */
  readonly missing: number;
}

/** What a folder holds, with all folders below it: as somebody sees it who checks it out. */
export interface FolderTotals {
  readonly files: number;
  readonly folders: number;
  /** Of its files. */
  readonly bytes: number;
  /** How many of its files and folders are not here. */
  readonly missing: number;
}

/** A line of a tree. */
export interface TreeEntry {
  /** Below the record. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Of a file; of a directory, of all files below it. */
  readonly sizeBytes: number;
  readonly isExecutable: boolean;
  /** Undefined for symlinks. */
  readonly digest: Digest | undefined;
  readonly target: string | undefined;
  /** Symlinks are always present. */
  readonly state: BlobState;
  /** Of a directory, for those below it too. */
  readonly totals: FolderTotals | undefined;
}

/** Which lines. */
export interface ViewOptions {
  /** Levels below the first: 1 gives the entries of one folder. */
  readonly depth?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A tree that was looked through: a summary, and its lines, as often as somebody wants them. */
export interface TreeView {
  readonly summary: ReachSummary;
  readonly totals: FolderTotals;
  /** Blobs that are not here, each with one of its places; so many of them as are kept. */
  readonly missing: readonly { readonly path: string; readonly digest: Digest; readonly state: BlobState }[];
  /**
   * The lines, folders before what is in them. Of what is at `path` alone where one is given: undefined where nothing is. A
   * tree may name a folder many times: rejects with 'resource-exhausted' after as many lines as a tree may have blobs.
   */
  entries(path: string, options?: ViewOptions): Promise<AsyncGenerator<TreeEntry> | undefined>;
}

/** So many missing blobs are named with their places. */
const keptMissing = 10_000;

/** A file or folder; or the record itself, when it is the root of a tree. */
interface Node {
  readonly path: string;
  readonly type: TreeEntry['type'];
  readonly digest: Digest | undefined;
  readonly isExecutable: boolean;
  readonly target: string | undefined;
  readonly inside: Inside | undefined;
}

/** How to look into a folder. */
interface Inside {
  readonly directory: Digest;
  readonly reader: DirectoryReader;
  /** By the digests of directories. */
  readonly totals: Map<string, FolderTotals>;
}

type States = ReadonlyMap<string, BlobState>;

const nothing: FolderTotals = { files: 0, folders: 0, bytes: 0, missing: 0 };

/**
 * Looks through all that these lead to: once for what is here, and once for the sizes of folders, which it keeps for
 * each distinct folder, at some 200 bytes each. Nothing is leased or touched. Rejects with 'resource-exhausted' beyond the
 * bounds of trees.
 */
export async function viewTree(
  layout: Layout,
  parts: readonly RecordPart[],
  signal?: AbortSignal,
  onBlob?: (bytes: number) => void,
): Promise<TreeView> {
  const states = new Map<string, BlobState>();
  const missing: { path: string; digest: Digest; state: BlobState }[] = [];
  const summary = { blobs: 0, bytes: 0, diskBytes: 0, missing: 0 };
  for await (const { digest, state, diskBytes, place } of reachedBlobs(
    layout,
    parts,
    nothingSeen(),
    signal,
  )) {
    onBlob?.(digest.sizeBytes);
    if (state !== 'present') states.set(digestText(digest), state);
    if (isHere(state)) {
      summary.blobs++;
      summary.bytes += digest.sizeBytes;
      summary.diskBytes += diskBytes;
      continue;
    }
    summary.missing++;
    if (missing.length < keptMissing) missing.push({ digest, state, path: placeText(place) });
  }
  const top = await topNodes(layout, parts, states, signal);
  return {
    summary,
    missing,
    totals: top.map((node) => totalsOf(node, states)).reduce(added, nothing),
    async entries(path, options = {}) {
      const found = path === '' ? await listed(top) : await nodeAt(top, path);
      return found && lines(found, states, options);
    },
  };
}

/** What is directly below the record, each with the sizes of all below it. */
async function topNodes(
  layout: Layout,
  parts: readonly RecordPart[],
  states: States,
  signal: AbortSignal | undefined,
): Promise<Node[]> {
  const stored = volumeDirectories(layout);
  const storedTotals = new Map<string, FolderTotals>();
  const walked = seenDigests();
  const nodes: Node[] = [];
  for (const { path, type, digest, isExecutable } of parts) {
    const node = { path, digest, isExecutable, target: undefined };
    if (type === 'file') {
      nodes.push({ ...node, type: 'file', inside: undefined });
      continue;
    }
    let inside: Inside | undefined = { directory: digest, reader: stored, totals: storedTotals };
    if (type === 'tree') {
      const tree = await treeContents(layout, digest);
      inside = tree.reader && { directory: tree.root, reader: tree.reader, totals: new Map() };
    }
    if (inside !== undefined)
      await addTotals(inside, type === 'tree' ? seenDigests() : walked, states, signal);
    nodes.push({ ...node, type: 'directory', inside });
  }
  return nodes;
}

async function addTotals(
  { directory, reader, totals }: Inside,
  walked: SeenDigests,
  states: States,
  signal: AbortSignal | undefined,
): Promise<void> {
  const place = { parent: undefined, name: '' };
  for await (const { digest, look } of directoriesUpwards(
    reader,
    { digest: directory, place },
    walked,
    signal,
  )) {
    const { entries } = look;
    if (entries === undefined) {
      totals.set(digestText(digest), { ...nothing, missing: 1 });
      continue;
    }
    const ofFolders = entries.directories.map((child) => {
      const below = totals.get(digestText(child.digest)) ?? nothing;
      return { ...below, folders: below.folders + 1 };
    });
    const ofFiles = entries.files.map((file) => fileTotals(file.digest, states));
    totals.set(digestText(digest), [...ofFolders, ...ofFiles].reduce(added, nothing));
  }
}

function totalsOf({ type, digest, inside }: Node, states: States): FolderTotals {
  if (type === 'file' && digest !== undefined) return fileTotals(digest, states);
  if (type === 'symlink') return nothing;
  const known = inside?.totals.get(digestText(inside.directory));
  return known ?? { ...nothing, missing: 1 };
}

function fileTotals(digest: Digest, states: States): FolderTotals {
  const state = states.get(digestText(digest)) ?? 'present';
  return { files: 1, folders: 0, bytes: digest.sizeBytes, missing: isHere(state) ? 0 : 1 };
}

function added(one: FolderTotals, other: FolderTotals): FolderTotals {
  return {
    files: one.files + other.files,
    folders: one.folders + other.folders,
    bytes: one.bytes + other.bytes,
    missing: one.missing + other.missing,
  };
}

/** The root of a reference has no name of its own: what is in it is listed. */
async function listed(nodes: readonly Node[]): Promise<readonly Node[]> {
  const [first] = nodes;
  return nodes.length === 1 && first?.path === '' ? await childrenOf(first) : nodes;
}

async function childrenOf({ path, inside }: Node): Promise<readonly Node[]> {
  if (inside === undefined) return [];
  const { entries } = await inside.reader.read(inside.directory);
  if (entries === undefined) return [];
  const below = (name: string) => (path === '' ? name : `${path}/${name}`);
  const nodes: Node[] = [];
  const add = (name: string, node: Partial<Node> & Pick<Node, 'type'>) =>
    nodes.push({
      path: below(name),
      digest: undefined,
      isExecutable: false,
      target: undefined,
      inside: undefined,
      ...node,
    });
  for (const { name, digest } of entries.directories)
    add(name, { type: 'directory', digest, inside: { ...inside, directory: digest } });
  for (const { name, digest, isExecutable } of entries.files)
    add(name, { type: 'file', digest, isExecutable });
  for (const { name, target } of entries.symlinks) add(name, { type: 'symlink', target });
  return nodes;
}

/** What is at a path: what is in it for a folder, itself for a file; undefined where nothing is. */
async function nodeAt(top: readonly Node[], path: string): Promise<readonly Node[] | undefined> {
  let nodes = await listed(top);
  for (;;) {
    const next = nodes.find((node) => path === node.path || path.startsWith(`${node.path}/`));
    if (next === undefined) return undefined;
    if (next.path === path) return next.type === 'directory' ? await childrenOf(next) : [next];
    nodes = await childrenOf(next);
  }
}

async function* lines(
  nodes: readonly Node[],
  states: States,
  { depth = Number.POSITIVE_INFINITY, signal }: ViewOptions,
): AsyncGenerator<TreeEntry> {
  const levels = [{ nodes, next: 0 }];
  let count = 0;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const node = level.nodes[level.next++];
    if (node === undefined) {
      levels.pop();
      continue;
    }
    signal?.throwIfAborted();
    if (++count > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} lines`);
    yield entryOf(node, states);
    if (node.type === 'directory' && levels.length < depth)
      levels.push({ nodes: await childrenOf(node), next: 0 });
  }
}

function entryOf(node: Node, states: States): TreeEntry {
  const { path, type, digest, isExecutable, target } = node;
  const totals = totalsOf(node, states);
  return {
    path,
    type,
    isExecutable,
    target,
    digest,
    sizeBytes: totals.bytes,
    state: (digest && states.get(digestText(digest))) ?? 'present',
    totals: type === 'directory' ? totals : undefined,
  };
}
