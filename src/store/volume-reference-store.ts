import { lstat } from 'node:fs/promises';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest, quote } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { ReferenceKey } from '../core/reference-key.ts';
import type { ReferenceStore, TreeSummary } from '../core/reference-store.ts';
import { Digest as DigestMessage } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Layout } from './layout.ts';
import type { ReachChecker, WideReach } from './reach.ts';
import type { Records } from './records.ts';
import { errnoOf, volumeError } from './volume-error.ts';

/** A serialised Digest with a SHA-256 has 67 to 76 bytes; a longer file is none. */
export const longestReference = 128;

/** References as small files, as BuildStream 1.x writes them: a serialised Digest each. */
export function volumeReferenceStore(
  layout: Layout,
  records: Records,
  reaches: ReachChecker,
): ReferenceStore {
  async function get(
    instanceName: InstanceName,
    key: ReferenceKey,
    signal?: AbortSignal,
  ): Promise<Digest | undefined> {
    const path = layout.reference(instanceName, key);
    try {
      const root = rootIn(await records.read(path, longestReference));
      const whole = root !== undefined && (await reaches.isWhole(treeUnder(root), signal));
      return whole && (await records.touch(path)) ? root : undefined;
    } catch (error) {
      throw volumeError(error, 'reading a reference');
    }
  }

  async function update(
    instanceName: InstanceName,
    keys: readonly ReferenceKey[],
    root: Digest,
    signal?: AbortSignal,
  ): Promise<TreeSummary> {
    const distinct = new Set(keys);
    // A key that cannot be written must not leave half of the others behind.
    const secured = await reaches.secure(treeUnder(root), `the tree under ${digestText(root)}`, signal);
    await expectNoCollision(layout, instanceName, distinct);
    const bytes = DigestMessage.encode({ hash: root.hash, sizeBytes: BigInt(root.sizeBytes) }).finish();
    for (const key of distinct) {
      await records.write(layout.reference(instanceName, key), bytes).catch((error: unknown) => {
        throw collides(error) ? collision(key, error) : volumeError(error, 'writing a reference');
      });
    }
    return { blobs: secured.blobs, bytes: secured.bytes };
  }

  return { get, update };
}

function treeUnder(root: Digest): WideReach {
  return { blobs: [], directories: [root], trees: [] };
}

/** The root that a stored reference names; undefined for what is no reference. */
export function rootIn(bytes: Uint8Array | undefined): Digest | undefined {
  try {
    return bytes && parseDigest(DigestMessage.decode(bytes), 'sha256');
  } catch {
    return undefined;
  }
}

/** Rejects with 'invalid-argument' when one of the keys would have to be a folder of another, stored or new. */
async function expectNoCollision(
  layout: Layout,
  instanceName: InstanceName,
  keys: ReadonlySet<ReferenceKey>,
): Promise<void> {
  const texts = new Set<string>(keys);
  for (const key of keys) {
    const folders = key
      .split('/')
      .slice(0, -1)
      .map((_, index, segments) => segments.slice(0, index + 1).join('/'));
    if (folders.some((folder) => texts.has(folder))) throw collision(key);
    // A file where a folder has to be answers ENOTDIR to a look behind it; nothing at all is fine.
    const stats = await lstat(layout.reference(instanceName, key)).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw collides(error) ? collision(key, error) : volumeError(error, 'writing a reference');
    });
    if (stats?.isDirectory() === true) throw collision(key);
  }
}

function collides(error: unknown): boolean {
  return ['ENOTDIR', 'EEXIST', 'EISDIR', 'ENOTEMPTY'].includes(errnoOf(error));
}

function collision(key: ReferenceKey, cause?: unknown): CacheError {
  const sentence = `the reference key ${quote(key)} collides with another: one would have to be a folder of the other`;
  return new CacheError('invalid-argument', sentence, cause === undefined ? {} : { cause });
}
