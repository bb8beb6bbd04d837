import { lstat, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import { type BlobName, parseBlobName } from '../core/digest.ts';
import { instantOf } from '../core/instant.ts';
import { blobFiles, entriesIn, pathsBelow } from './blob-files.ts';
import { elsewhere } from './elsewhere.ts';
import { fileCallsFor } from './file-calls.ts';
import { blobPrefixes, type Layout, layoutVersion } from './layout.ts';
import { pinsOn } from './pins.ts';
import { lookAtBlob } from './quarantine.ts';
import type { ReachChecker } from './reach.ts';
import type { RecordKind } from './record-contents.ts';
import { lookAtRecord, untouchedReaches } from './record-look.ts';
import { removeRecord } from './record-removal.ts';
import { isAbsent } from './volume-error.ts';

/** Something that was found; paths are below the volume. */
export interface Finding {
  readonly path: string;
  readonly detail?: string;
  /** It was set aside or removed. */
  readonly repaired?: boolean;
}

/** What a check tells while it goes on. */
export interface CheckObserver {
  /** Bytes of blobs that were read; a part of a blob each time. */
  read(bytes: number): void;
  checkedBlob(): void;
  checkedRecord(kind: RecordKind): void;
  /** The next part, and how far it is, 0 to 1; undefined where nobody knows how much there is. */
  progress(part: 'blobs' | 'records' | 'other files', done: number | undefined): void;
  found(what: FindingKind, finding: Finding): void;
}

/**
 * Wrong: `damaged` blobs, whose bytes do not give their hashes; `unreadable` records; `incomplete` records, which lead
 * to something that is not here; `failed`, what could not be looked at. Worth knowing: `outdated` chunkings, which
 * are computed again when somebody asks; `foreign` files, that no server puts there; `temporary` files, of uploads under way or left over; what is in the `trash`, and `quarantined` before.
 */
export const findingKinds = [
  'damaged',
  'unreadable',
  'incomplete',
  'failed',
  'outdated',
  'foreign',
  'temporary',
  'trash',
  'quarantined',
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** What to check, and what to do about it. */
export interface CheckOptions {
  /** Sets damaged blobs aside and removes records that cannot be read. Without it nothing is changed. */
  readonly repair: boolean;
  /** Blobs are elsewhere: records only have to be readable. */
  readonly indexOnly: boolean;
}

/** Damaged blobs that are remembered, so that what leads to them is incomplete. Each is some hundred bytes. */
const rememberedDamaged = 100_000;

/** Throws with a sentence when the directory is no cache, or one of a newer layout. */
export async function expectCache(layout: Layout): Promise<void> {
  const isFolder = await lstat(layout.objects).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new CacheError('not-found', `${layout.root} is no cache: it has no cas/objects`);
  const version = await readFile(layout.version, 'utf8').catch(() => '');
  if (version !== '' && version !== layoutVersion)
    throw new CacheError(
      'unavailable',
      `${layout.version} says layout ${version.trim()}, this version knows ${layoutVersion.trim()}: use a newer one`,
    );
}

/**
 * Looks at everything on a volume, beside servers or without any, in constant memory. Without `repair` it changes
 * nothing, not even times. Rejects with the signal's reason when that is aborted.
 */
export async function checkVolume(
  layout: Layout,
  { repair, indexOnly }: CheckOptions,
  clock: Clock,
  observer: CheckObserver,
  signal: AbortSignal,
): Promise<void> {
  const damaged = new Set<BlobName>();
  const calls = await fileCallsFor(layout.root);
  const below = (path: string) => relative(layout.root, path);
  await checkBlobs();
  const reaches = indexOnly ? elsewhere : untouchedReaches(layout, (name) => damaged.has(name));
  for (const root of layout.recordRoots) await guarded(root, () => checkRecords(reaches, root));
  observer.progress('other files', undefined);
  await guarded(layout.pins, checkPins);
  await guarded(layout.root, () => listOthers(layout, observer, signal));

  async function checkBlobs(): Promise<void> {
    for (const [index, prefix] of blobPrefixes.entries()) {
      await guarded(join(layout.objects, prefix), async () => {
        for await (const { name, path } of blobFiles(layout, prefix)) {
          signal.throwIfAborted();
          observer.progress('blobs', index / blobPrefixes.length);
          if (name === undefined) observer.found('foreign', { path: below(path) });
          else await guarded(path, () => checkBlob(name, path));
        }
      });
    }
  }

  async function checkRecords(reaches: ReachChecker, root: string): Promise<void> {
    for await (const { path, isFile } of pathsBelow(root)) {
      signal.throwIfAborted();
      observer.progress('records', undefined);
      if (!isFile) observer.found('foreign', { path: below(path) });
      else await guarded(path, () => checkRecord(reaches, root, path));
    }
  }

  async function checkBlob(name: BlobName, path: string): Promise<void> {
    const look = lookAtBlob(layout, name, repair, calls);
    try {
      for (;;) {
        signal.throwIfAborted();
        const piece = await look.next();
        if (piece.done !== true) {
          observer.read(piece.value);
          continue;
        }
        if (piece.value === 'absent') return;
        observer.checkedBlob();
        if (piece.value === 'good') return;
        if (damaged.size < rememberedDamaged && !repair) damaged.add(name);
        observer.found('damaged', { path: below(path), repaired: piece.value === 'quarantined' });
        return;
      }
    } finally {
      await look.return('absent');
    }
  }

  async function checkRecord(reaches: ReachChecker, root: string, path: string): Promise<void> {
    const look = await lookAtRecord(layout, reaches, root, path, instantOf(clock()), signal);
    if (look === undefined) return;
    const { kind, ino, state, detail = '' } = look;
    observer.checkedRecord(kind);
    if (state === 'whole' || state === 'expired') return;
    if (state === 'foreign') return observer.found('foreign', { path: below(path) });
    if (state === 'unreadable') {
      const repaired = repair && (await removeRecord(layout, path, ino));
      return observer.found('unreadable', { path: below(path), repaired });
    }
    // Eviction takes blobs and what leads to them: what is gone by now is nobody's loss.
    if (await isThere(path))
      observer.found(kind === 'chunkings' ? 'outdated' : 'incomplete', { path: below(path), detail });
  }

  /** A pin of a name that was never pushed, or is gone, keeps nothing. What a pinned record lacks is told of with all records. */
  async function checkPins(): Promise<void> {
    for await (const { path, pin } of pinsOn(layout)) {
      signal.throwIfAborted();
      if (pin === undefined) {
        const repaired = repair && (await removeRecord(layout, path, (await lstat(path)).ino));
        observer.found('unreadable', { path: below(path), repaired });
      } else if (!(await isThere(pin.recordPath))) {
        const detail = `the pinned record ${below(pin.recordPath)} is not here`;
        observer.found('incomplete', { path: below(path), detail });
      }
    }
  }

  async function guarded(path: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (signal.aborted) throw error;
      observer.found('failed', { path: below(path), detail: errorText(error) });
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: unknown) => !isAbsent(error),
  );
}

/** What is neither a blob nor a record. */
async function listOthers(layout: Layout, observer: CheckObserver, signal: AbortSignal): Promise<void> {
  const list = async (kind: FindingKind, root: string) => {
    for await (const { path } of pathsBelow(root)) {
      signal.throwIfAborted();
      const isOurs = kind !== 'quarantined' || parseBlobName(basename(path)) !== undefined;
      observer.found(isOurs ? kind : 'foreign', { path: relative(layout.root, path) });
    }
  };
  await list('temporary', layout.temporary);
  await list('trash', layout.trash);
  await list('quarantined', layout.quarantine);
  const prefixes = new Set(blobPrefixes);
  for await (const entry of entriesIn(layout.objects)) {
    if (!entry.isDirectory() || !prefixes.has(entry.name))
      observer.found('foreign', { path: relative(layout.root, join(layout.objects, entry.name)) });
  }
}

function errorText(error: unknown): string {
  const cause = error instanceof CacheError && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
