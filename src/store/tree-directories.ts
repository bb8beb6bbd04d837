import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestOf, digestText, isEmptyBlob, parseDigest } from '../core/digest.ts';
import type { Directory, Tree } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { hashOf } from './hashing.ts';

/** Tree.children: field 2. */
const childrenField = 2;

/**
 * The directories of a Tree message: its root and its children. Throws 'invalid-argument' when one of them names a
 * directory that is not among the children: whoever gets the Tree puts it together from them, and from nothing else.
 */
export function directoriesIn(
  { root, children }: Tree,
  bytes: Uint8Array,
  treeDigest: Digest,
): readonly Directory[] {
  const directories = root === undefined ? children : [root, ...children];
  if (directories.every(({ directories: named }) => named.length === 0)) return directories;
  const present = childDigests(bytes, treeDigest);
  for (const directory of directories) {
    for (const { digest } of directory.directories) {
      const child = parseDigest(digest, treeDigest.digestFunction, 'subdirectory');
      // Everybody knows what is in an empty one.
      if (isEmptyBlob(child) || present.has(digestText(child))) continue;
      throw new CacheError(
        'invalid-argument',
        `the Tree message ${digestText(treeDigest)} names the directory ${digestText(child)}, which is not among its children`,
      );
    }
  }
  return directories;
}

/**
 * Digests of the children as their bytes are there. Encoding the messages again could give others: a client may know
 * fields that we do not.
 */
function childDigests(bytes: Uint8Array, { digestFunction }: Digest): ReadonlySet<string> {
  const digests = new Set<string>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [field, type] = reader.tag();
    if (field !== childrenField || type !== WireType.LengthDelimited) {
      reader.skip(type, field);
      continue;
    }
    const child = reader.bytes();
    digests.add(digestText(digestOf(hashOf(digestFunction, child), child.length, digestFunction)));
  }
  return digests;
}
