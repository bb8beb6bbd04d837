import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { CacheError } from '../core/cache-error.ts';
import {
  blobName,
  type Digest,
  digestOf,
  digestText,
  emptyDigest,
  isEmptyBlob,
  parseDigest,
  type UncheckedDigest,
} from '../core/digest.ts';
import { Directory, Tree } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type BlobPlace, lookForBlob } from '../store/blob-look.ts';
import { directoryShape, treeShape } from '../store/directory-entries.ts';
import { hashOf } from '../store/hashing.ts';
import type { Layout } from '../store/layout.ts';
import { readMessage } from '../store/stored-messages.ts';
import { untouchedBlobs } from '../store/untouched-blobs.ts';

/** `damaged`: the bytes do not give the hash; `no-directory`: they do, and are no Directory (or Tree) message within the bounds of trees. */
export type BlobState = BlobPlace | 'damaged' | 'no-directory';

/** What is in use, as far as its place tells: what rests in the trash is brought back. */
export function isHere(state: BlobState): boolean {
  return state === 'present' || state === 'trash';
}

/** The entries of a directory, with digests that are some. */
export interface DirectoryEntries {
  readonly files: readonly {
    readonly name: string;
    readonly digest: Digest;
    readonly isExecutable: boolean;
  }[];
  readonly directories: readonly { readonly name: string; readonly digest: Digest }[];
  readonly symlinks: readonly { readonly name: string; readonly target: string }[];
}

/** A directory that was looked for. */
export interface DirectoryLook {
  readonly state: BlobState;
  /** Undefined unless it is here and sound. */
  readonly entries: DirectoryEntries | undefined;
  readonly diskBytes: number;
  /** False for one inside of a Tree message. */
  readonly isBlob: boolean;
}

/** Where the directories of a tree come from. Nothing is leased or touched. */
export interface DirectoryReader {
  read(digest: Digest): Promise<DirectoryLook>;
}

/** A blob on the volume. */
export interface StoredLook {
  readonly state: BlobState;
  readonly diskBytes: number;
}

/** Looks for a file's blob; its bytes are not read. */
export async function lookAtFile(layout: Layout, digest: Digest): Promise<StoredLook> {
  // Servers make it when somebody asks for it.
  if (isEmptyBlob(digest)) return { state: 'present', diskBytes: 0 };
  const { place, diskBytes } = await lookForBlob(layout, blobName(digest), digest.sizeBytes);
  return { state: place, diskBytes };
}

/** Directories that are blobs of their own. */
export function volumeDirectories(layout: Layout): DirectoryReader {
  const { blobs } = untouchedBlobs(layout, () => false);
  return {
    async read(digest) {
      const { state, diskBytes } = await lookAtFile(layout, digest);
      const found = { state, diskBytes, isBlob: true, entries: undefined };
      if (!isHere(state)) return found;
      const read = await soundOr(readMessage(blobs, digest, Directory, directoryShape, 'Directory'));
      if (typeof read === 'string') return { ...found, state: read };
      return { ...found, ...entriesOf(read.message, digest) };
    },
  };
}

/** The directories in a Tree message, and which of them is the root. */
export interface TreeContents extends StoredLook {
  readonly root: Digest;
  readonly reader: DirectoryReader;
}

/** Reads a Tree message; a look without a reader where it is not here, or is none. */
export async function treeContents(
  layout: Layout,
  digest: Digest,
): Promise<TreeContents | (StoredLook & { reader?: undefined })> {
  const look = await lookAtFile(layout, digest);
  if (!isHere(look.state)) return look;
  const { blobs } = untouchedBlobs(layout, () => false);
  const read = await soundOr(readMessage(blobs, digest, Tree, treeShape, 'Tree'));
  if (typeof read === 'string') return { ...look, state: read };
  const { root, directories } = directoriesOf(read.bytes, digest);
  return {
    ...look,
    root,
    reader: {
      read(wanted) {
        const inside = { diskBytes: 0, isBlob: false, state: 'present' as const };
        // Everybody knows what is in an empty one.
        if (isEmptyBlob(wanted)) return Promise.resolve({ ...inside, entries: noEntries });
        const directory = directories.get(digestText(wanted));
        if (directory === undefined)
          return Promise.resolve({ ...inside, state: 'missing', entries: undefined });
        return Promise.resolve({ ...inside, ...entriesOf(directory, wanted) });
      },
    },
  };
}

const noEntries: DirectoryEntries = { files: [], directories: [], symlinks: [] };

/** A directory with a digest in it that is none is no directory. */
function entriesOf(
  { files, directories, symlinks }: Directory,
  { digestFunction }: Digest,
): Pick<DirectoryLook, 'entries'> & { readonly state?: 'no-directory' } {
  try {
    const parse = (digest: UncheckedDigest | undefined) => parseDigest(digest, digestFunction);
    return {
      entries: {
        files: files.map(({ name, digest, isExecutable }) => ({ name, isExecutable, digest: parse(digest) })),
        directories: directories.map(({ name, digest }) => ({ name, digest: parse(digest) })),
        symlinks: symlinks.map(({ name, target }) => ({ name, target })),
      },
    };
  } catch {
    return { state: 'no-directory', entries: undefined };
  }
}

const fieldsOfTree = { root: 1, children: 2 };

/** By their digests, which are those of their bytes as they stand in the message. */
function directoriesOf(bytes: Uint8Array, { digestFunction }: Digest) {
  const directories = new Map<string, Directory>();
  let root: Digest = emptyDigest;
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [field, type] = reader.tag();
    const isOne = field === fieldsOfTree.root || field === fieldsOfTree.children;
    if (!isOne || type !== WireType.LengthDelimited) {
      reader.skip(type, field);
      continue;
    }
    const of = reader.bytes();
    const digest = digestOf(hashOf(digestFunction, of), of.length, digestFunction);
    directories.set(digestText(digest), Directory.decode(of));
    if (field === fieldsOfTree.root) root = digest;
  }
  return { root, directories };
}

async function soundOr<T>(message: Promise<T>): Promise<T | 'damaged' | 'no-directory'> {
  try {
    return await message;
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    if (error.kind === 'not-found') return 'damaged';
    if (error.kind === 'invalid-argument' || error.kind === 'resource-exhausted') return 'no-directory';
    throw error;
  }
}
