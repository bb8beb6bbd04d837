import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import pMap from 'p-map';
import { CacheError } from '../core/cache-error.ts';
import { type BlobName, blobName, type Digest, digestText } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { syncUpwards } from './durable-file.ts';
import type { FileCalls, SyncedFile } from './file-calls.ts';
import { type FileIdentity, knownFiles } from './known-files.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { moveUnlessReplaced } from './quarantine.ts';
import { volumeError } from './volume-error.ts';

/**
 * `strict`: what is acknowledged survives a power cut. `relaxed`: it survives the end of the process, but for a
 * power cut the file system is left to itself.
 */
export type DurabilityMode = 'strict' | 'relaxed';

/** A blob with the file that was found for it (fileIdentity). */
export interface FoundBlob {
  readonly digest: Digest;
  readonly identity: FileIdentity;
}

/** Brings blobs to the disk before something is acknowledged that rests on them. */
export interface Durability {
  /** Whether this file is known to be on disk already, or need not be. */
  isSynced(blob: FoundBlob): boolean;
  /** Resolves when the bytes and the names of all these blobs survive a power cut. Errors are CacheErrors. */
  sync(blobs: readonly FoundBlob[]): Promise<void>;
}

/** The same for what leads to them. Errors are those of the system calls. */
export interface RecordDurability {
  /** The bytes of a record, before it has its name. When it rejects, the file is of no use. */
  syncRecord(handle: FileHandle): Promise<void>;
  /** The name of a record, and those of the folders above it. */
  syncName(path: string): Promise<void>;
}

/** In flight together, so that the file system can serve several with one write of its journal: as many as there are threads (bin/weir). */
const syncsAtOnce = 64;
/** Sets of files that are known to be on disk: 128 Ki of them, in 5 MiB. To sync one once more costs little. */
const syncedSets = 32_768;

export function fileDurability(
  mode: DurabilityMode,
  calls: Pick<FileCalls, 'sync' | 'syncFolder'>,
  layout: Layout,
  leases: Pick<Leases, 'touch'>,
  observer: Observer,
): Durability & RecordDurability {
  return mode === 'strict' ? strict(calls, layout, leases, observer) : relaxed;
}

const relaxed: Durability & RecordDurability = {
  isSynced: () => true,
  sync: () => Promise.resolve(),
  syncRecord: () => Promise.resolve(),
  syncName: () => Promise.resolve(),
};

/** Syncs each blob's file once for its lifetime, as far as this process remembers. */
function strict(
  calls: Pick<FileCalls, 'sync' | 'syncFolder'>,
  layout: Layout,
  leases: Pick<Leases, 'touch'>,
  observer: Observer,
): Durability & RecordDurability {
  const synced = knownFiles(syncedSets, 2);

  /** A janitor that looked before the blob was leased may have moved it meanwhile: a touch brings it back. */
  async function syncFound(digest: Digest): Promise<SyncedFile> {
    const path = layout.blob(blobName(digest));
    const inPlace = await calls.sync(path);
    if (inPlace !== undefined) return inPlace;
    const back = (await leases.touch(digest)) && (await calls.sync(path));
    if (back === undefined) throw vanished(digest);
    return back;
  }

  async function syncBlob({ digest }: FoundBlob): Promise<void> {
    const { stats, failure } = await syncFound(digest);
    if (failure === undefined) return;
    setAside(blobName(digest), stats);
    throw failure;
  }

  /**
   * After a failed sync the kernel may have dropped what it could not write: reading still gives the right bytes, and
   * a second sync reports success for what is on no disk. So nobody may get to ask for one: the file goes at
   * once, and an upload makes a new one.
   */
  function setAside(name: BlobName, { ino }: Stats): void {
    try {
      if (moveUnlessReplaced(layout.blob(name), layout.quarantined(name), ino)) observer.quarantined(name);
    } catch {
      // The volume takes no changes any more: then it will not acknowledge anything either.
      observer.doubted(name, 'unreadable');
    }
  }

  /** Begins no more after a failure, but lets none go on behind the answer's back. */
  async function syncAll(blobs: readonly FoundBlob[]): Promise<void> {
    const failures: unknown[] = [];
    await pMap(
      blobs,
      async (blob) => {
        if (failures.length === 0) await syncBlob(blob).catch((error: unknown) => failures.push(error));
      },
      { concurrency: syncsAtOnce },
    );
    if (failures.length > 0) throw failures[0];
  }

  const isSynced = ({ digest, identity }: FoundBlob) => synced.has(blobName(digest), identity);

  return {
    isSynced,
    async sync(blobs) {
      const unknown = blobs.filter((blob) => !isSynced(blob));
      if (unknown.length === 0) return;
      try {
        await syncAll(unknown);
        const folders = new Set(unknown.map(({ digest }) => layout.blobFolder(blobName(digest))));
        await pMap(folders, (folder) => calls.syncFolder(folder), { concurrency: syncsAtOnce });
        // One of the folders, or of those above, may have been made anew.
        const functions = new Set(unknown.map(({ digest }) => digest.digestFunction));
        for (const name of functions) await syncUpwards(layout.objectsOf(name), layout.root);
      } catch (error) {
        throw volumeError(error, 'bringing blobs to the disk');
      }
      for (const { digest, identity } of unknown) synced.add(blobName(digest), identity);
    },
    syncRecord: (handle) => handle.sync(),
    syncName: (path) => syncUpwards(dirname(path), layout.root),
  };
}

function vanished(digest: Digest): CacheError {
  return new CacheError(
    'unavailable',
    `the blob ${digestText(digest)} went away while it was brought to the disk; try again`,
  );
}
