import { randomUUID } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText, parseDigest, quote } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { ReferenceKey } from '../core/reference-key.ts';
import type { ReferenceStore, TreeSummary } from '../core/reference-store.ts';
import { Digest as DigestMessage } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Durability, FoundBlob } from './durability.ts';
import {
  createNew,
  discard,
  openRegular,
  readFully,
  referenceMode,
  renameOver,
  syncUpwards,
  writeFully,
} from './durable-file.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import type { Trees } from './trees.ts';
import { errnoOf, isAbsent, volumeError } from './volume-error.ts';

/** A serialised Digest with a SHA-256 has 67 to 76 bytes; a longer file is none. */
const longestReference = 128;

/** References as small files, as BuildStream 1.x writes them: a serialised Digest each. */
export function volumeReferenceStore(
  layout: Layout,
  leases: Leases,
  trees: Trees,
  durability: Durability,
): ReferenceStore {
  async function isWhole(root: Digest, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      return (await trees.check(root, signal)).missing.length === 0;
    } catch (error) {
      // A stored reference that leads to something other than a tree is of no use to anybody.
      if (error instanceof CacheError && error.kind === 'invalid-argument') return false;
      throw error;
    }
  }

  async function get(
    instanceName: InstanceName,
    key: ReferenceKey,
    signal?: AbortSignal,
  ): Promise<Digest | undefined> {
    const path = layout.reference(instanceName, key);
    try {
      const root = await readReference(path);
      const whole =
        root !== undefined && (await isWhole(root, signal)) && (await leases.touchFile(path)) !== undefined;
      return whole ? root : undefined;
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
    const toSync: FoundBlob[] = [];
    const { missing, blobs, bytes } = await trees.check(root, signal, (blob) => {
      if (!durability.isSynced(blob)) toSync.push(blob);
    });
    if (missing.length > 0) throw incomplete(root, missing);
    // A key that cannot be written must not leave half of the others behind.
    const distinct = new Set(keys);
    await expectNoCollision(layout, instanceName, distinct);
    await durability.sync(toSync);
    for (const key of distinct) {
      await writeReference(layout, instanceName, key, root);
    }
    return { blobs, bytes };
  }

  return { get, update };
}

/** Undefined for a file that is absent or is no reference: an empty one is what an old crash leaves. */
async function readReference(path: string): Promise<Digest | undefined> {
  const buffer = Buffer.alloc(longestReference + 1);
  let count: number;
  try {
    const handle = await openRegular(path);
    try {
      count = await readFully(handle, buffer, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error) || errnoOf(error) === 'EISDIR') return undefined;
    throw error;
  }
  if (count === 0 || count > longestReference) return undefined;
  try {
    return parseDigest(DigestMessage.decode(buffer.subarray(0, count)), 'sha256');
  } catch {
    return undefined;
  }
}

/** Visible at once and whole, and on disk when it resolves. */
async function writeReference(
  layout: Layout,
  instanceName: InstanceName,
  key: ReferenceKey,
  root: Digest,
): Promise<void> {
  const path = layout.reference(instanceName, key);
  const temporary = layout.temporaryFile(randomUUID());
  const bytes = DigestMessage.encode({ hash: root.hash, sizeBytes: BigInt(root.sizeBytes) }).finish();
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await createNew(temporary, referenceMode);
    try {
      await writeFully(handle, bytes, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameOver(temporary, path);
    await syncUpwards(dirname(path), layout.root);
  } catch (error) {
    await discard(temporary).catch(() => {});
    throw collides(error) ? collision(key, error) : volumeError(error, 'writing a reference');
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

function incomplete(root: Digest, missing: readonly Digest[]): CacheError {
  const names = missing.map(digestText);
  const sentence = `the tree under ${digestText(root)} is not whole: at least ${names.length} blobs are missing, the first is ${names[0]}; upload them and try again`;
  return new CacheError('failed-precondition', sentence, { missing: names });
}
