import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest, type UncheckedDigest } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { Directory, Tree } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { directoryShape, treeShape } from '../store/directory-entries.ts';
import type { WideReach } from '../store/reach.ts';
import { readMessage } from '../store/stored-messages.ts';
import { beyond, treeBounds } from '../store/tree-bounds.ts';
import { directoriesIn } from '../store/tree-directories.ts';
import { type CopySource, NotWholeError } from './copy-ends.ts';

/** Some of what a name leads to. */
export interface ReachedGroup {
  /** None was in a group before it. */
  readonly digests: readonly Digest[];
  /** Bytes of those that had to be read to go on, by the texts of their digests. */
  readonly held: ReadonlyMap<string, Uint8Array>;
}

/** So much is held as messages at once, for each name. */
const heldDirectories = 64;

/**
 * All blobs that something leads to, each once, level by level, within the bounds that servers set to trees. In memory are one group
 * and the digests seen so far. Rejects with NotWholeError where a directory is not at the source, or is none.
 */
export async function* reachedGroups(
  source: CopySource,
  instanceName: InstanceName,
  reach: WideReach,
  signal: AbortSignal,
): AsyncGenerator<ReachedGroup> {
  const seen = new Set<string>();
  const unseen = (digests: readonly Digest[]) => digests.filter((digest) => isNew(seen, digest));
  yield { digests: unseen(reach.blobs), held: new Map() };
  for (const tree of reach.trees) {
    const bytes = await readOne(source, instanceName, tree, signal);
    const files = await filesOfTree(tree, bytes);
    yield { digests: unseen([tree, ...files]), held: new Map([[digestText(tree), bytes]]) };
  }
  // A directory may be a file elsewhere: what was walked is another question than what was given.
  const walked = new Set<string>();
  let level = reach.directories.filter((digest) => isNew(walked, digest));
  let totalBytes = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > treeBounds.depth) throw beyond(`more than ${treeBounds.depth} levels`);
    const next: Digest[] = [];
    for (const group of groupsOf(level, Math.max(1, source.batchBytes))) {
      signal.throwIfAborted();
      totalBytes += group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      if (totalBytes > treeBounds.totalDirectoryBytes)
        throw beyond(`more than ${treeBounds.totalDirectoryBytes} bytes of directories`);
      const { held, files, directories } = await readGroup(source, instanceName, group, signal);
      for (const digest of directories) if (isNew(walked, digest)) next.push(digest);
      yield { digests: unseen([...group, ...files]), held };
      if (Math.max(seen.size, walked.size) > treeBounds.blobs)
        throw beyond(`more than ${treeBounds.blobs} blobs`);
    }
    level = next;
  }
}

async function readGroup(
  source: CopySource,
  instanceName: InstanceName,
  group: readonly Digest[],
  signal: AbortSignal,
) {
  const [only] = group;
  const contents =
    only !== undefined && group.length === 1 && only.sizeBytes > source.batchBytes
      ? [await readOne(source, instanceName, only, signal)]
      : await source.readAll(instanceName, group, signal);
  const held = new Map<string, Uint8Array>();
  const files: Digest[] = [];
  const directories: Digest[] = [];
  for (const [index, digest] of group.entries()) {
    const bytes = contents[index];
    if (bytes === undefined) throw notThere(digest);
    const message = await decoded(digest, bytes);
    const parse = (unchecked: UncheckedDigest | undefined) =>
      parseDigest(unchecked, digest.digestFunction, 'entry of a directory');
    held.set(digestText(digest), bytes);
    for (const file of message.files) files.push(parse(file.digest));
    for (const directory of message.directories) directories.push(parse(directory.digest));
  }
  return { held, files, directories };
}

/** Any blob, in memory: for messages, which have a bound of their own. */
async function readOne(
  source: CopySource,
  instanceName: InstanceName,
  digest: Digest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (digest.sizeBytes > treeBounds.directoryBytes) throw beyond(`a directory of ${digest.sizeBytes} bytes`);
  if (digest.sizeBytes <= source.batchBytes) {
    const [bytes] = await source.readAll(instanceName, [digest], signal);
    if (bytes === undefined) throw notThere(digest);
    return bytes;
  }
  const chunks = [];
  for await (const chunk of source.read(instanceName, digest, 0, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function decoded(digest: Digest, bytes: Uint8Array): Promise<Directory> {
  const { message } = await asNotWhole(
    readMessage(inHand(bytes), digest, Directory, directoryShape, 'Directory'),
  );
  return message;
}

async function filesOfTree(digest: Digest, bytes: Uint8Array): Promise<Digest[]> {
  return await asNotWhole(
    (async () => {
      const { message } = await readMessage(inHand(bytes), digest, Tree, treeShape, 'Tree');
      return directoriesIn(message, bytes, digest).flatMap(({ files }) =>
        files.map((file) => parseDigest(file.digest, digest.digestFunction, 'file')),
      );
    })(),
  );
}

function inHand(bytes: Uint8Array) {
  return { readWhole: () => Promise.resolve(bytes) };
}

/** What is no directory at the source will be none at the target either. */
async function asNotWhole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof CacheError && error.kind === 'invalid-argument')
      throw new NotWholeError(error.message);
    throw error;
  }
}

function notThere(digest: Digest): NotWholeError {
  return new NotWholeError(`the directory ${digestText(digest)} is not at the source, or is damaged`);
}

/** A level in pieces that fit into a batch each; a directory larger than that is alone. */
function* groupsOf(level: readonly Digest[], batchBytes: number): Generator<Digest[]> {
  let group: Digest[] = [];
  let bytes = 0;
  for (const digest of level) {
    if (group.length >= heldDirectories || (group.length > 0 && bytes + digest.sizeBytes > batchBytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(digest);
    bytes += digest.sizeBytes;
  }
  if (group.length > 0) yield group;
}

function isNew(seen: Set<string>, digest: Digest): boolean {
  const text = digestText(digest);
  if (seen.has(text)) return false;
  seen.add(text);
  return true;
}
