import pMap from 'p-map';
import type { Digest } from '../core/digest.ts';
import type { Layout } from '../store/layout.ts';
import { beyond, treeBounds } from '../store/tree-bounds.ts';
import { seenDigests, type SeenDigests } from './digest-table.ts';
import {
  type BlobState,
  type DirectoryLook,
  type DirectoryReader,
  isHere,
  lookAtFile,
  treeContents,
  volumeDirectories,
} from './directory-reader.ts';
import type { RecordPart } from './record-parts.ts';

/** Where something is in a tree; as a chain, because the text of a deep path for each of many entries would be much. */
export interface Place {
  readonly parent: Place | undefined;
  readonly name: string;
}

/** A blob that a record leads to. */
export interface ReachedBlob {
  readonly digest: Digest;
  readonly type: RecordPart['type'];
  /** One of perhaps many places. */
  readonly place: Place;
  readonly state: BlobState;
  readonly diskBytes: number;
}

/** What was seen already, and so is not given again. */
export interface SeenBlobs {
  readonly blobs: SeenDigests;
  /** Directories that were walked, with all below them. */
  readonly directories: SeenDigests;
}

/** A directory, visited when all below it were. */
export interface VisitedDirectory {
  readonly digest: Digest;
  readonly place: Place;
  readonly look: DirectoryLook;
}

/** Messages on the way down that are held at once. Bytes. */
const heldBytes = 64 * 1024 * 1024;
const looksAtOnce = 8;

export function nothingSeen(): SeenBlobs {
  return { blobs: seenDigests(), directories: seenDigests() };
}

/** `a/b/c`; empty for a root without a name. */
export function placeText(place: Place): string {
  const names: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.parent)
    if (at.name !== '') names.push(at.name);
  return names.toReversed().join('/');
}

/**
 * Each distinct blob that these lead to, here or not, once; what `seen` has is left out. Iterative, within the bounds of trees: rejects
 * with 'resource-exhausted' beyond them. Nothing is leased or touched.
 */
export async function* reachedBlobs(
  layout: Layout,
  parts: readonly RecordPart[],
  seen: SeenBlobs = nothingSeen(),
  signal?: AbortSignal,
): AsyncGenerator<ReachedBlob> {
  const stored = volumeDirectories(layout);
  for (const { path, type, digest } of parts) {
    const place = { parent: undefined, name: path };
    if (type === 'directory') {
      yield* below(layout, stored, { digest, place }, seen.directories, seen, signal);
      continue;
    }
    if (!seen.blobs.add(digest)) continue;
    if (type === 'file') {
      yield { digest, type, place, ...(await lookAtFile(layout, digest)) };
      continue;
    }
    const tree = await treeContents(layout, digest);
    yield { digest, type, place, state: tree.state, diskBytes: tree.diskBytes };
    if (tree.reader !== undefined)
      yield* below(layout, tree.reader, { digest: tree.root, place }, seenDigests(), seen, signal);
  }
}

async function* below(
  layout: Layout,
  reader: DirectoryReader,
  root: Root,
  walked: SeenDigests,
  seen: SeenBlobs,
  signal: AbortSignal | undefined,
): AsyncGenerator<ReachedBlob> {
  for await (const { digest, place, look } of directoriesUpwards(reader, root, walked, signal)) {
    const { state, diskBytes, isBlob, entries } = look;
    const isNew = isBlob ? seen.blobs.add(digest) : true;
    // As a file it may have been here, and not be the directory that it has to be.
    if ((isBlob && isNew) || !isHere(state)) yield { digest, type: 'directory', place, state, diskBytes };
    const files = (entries?.files ?? []).filter((file) => seen.blobs.add(file.digest));
    const looks = await pMap(files, async (file) => await lookAtFile(layout, file.digest), {
      concurrency: looksAtOnce,
      ...(signal !== undefined && { signal }),
    });
    for (const [index, file] of files.entries()) {
      const found = looks[index];
      if (found === undefined) continue;
      yield { digest: file.digest, type: 'file', place: { parent: place, name: file.name }, ...found };
    }
  }
}

interface Root {
  readonly digest: Digest;
  readonly place: Place;
}

interface Frame extends VisitedDirectory {
  next: number;
}

/** Each directory that is not in `walked` once, after those in it. */
export async function* directoriesUpwards(
  reader: DirectoryReader,
  root: Root,
  walked: SeenDigests,
  signal?: AbortSignal,
): AsyncGenerator<VisitedDirectory> {
  const before = walked.size;
  const frames: Frame[] = [];
  let held = 0;
  const enter = async ({ digest, place }: Root) => {
    if (!walked.add(digest)) return;
    signal?.throwIfAborted();
    held += digest.sizeBytes;
    if (frames.length > treeBounds.depth) throw beyond(`more than ${treeBounds.depth} levels`);
    if (walked.size - before > treeBounds.blobs) throw beyond(`more than ${treeBounds.blobs} directories`);
    const look = await reader.read(digest);
    if (look.entries === undefined) held -= digest.sizeBytes;
    if (held > heldBytes) throw beyond(`more than ${heldBytes} bytes of directories in each other`);
    frames.push({ digest, place, look, next: 0 });
  };
  await enter(root);
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const child = frame.look.entries?.directories[frame.next++];
    if (child !== undefined) {
      await enter({ digest: child.digest, place: { parent: frame.place, name: child.name } });
      continue;
    }
    frames.pop();
    if (frame.look.entries !== undefined) held -= frame.digest.sizeBytes;
    yield frame;
  }
}
