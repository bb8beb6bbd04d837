import pMap from 'p-map';
import { blobName, type Digest } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { openRegular, syncFolder, syncUpwards } from './durable-file.ts';
import { KnownFiles } from './integrity.ts';
import type { Layout } from './layout.ts';
import { volumeError } from './volume-error.ts';

/** A blob with the file that was found for it (fileIdentity). */
export interface FoundBlob {
  readonly digest: Digest;
  readonly identity: string;
}

/** Brings blobs to the disk before something is promised that rests on them. */
export interface Durability {
  /** Whether this file is known to be on disk already. */
  isSynced(blob: FoundBlob): boolean;
  /** Resolves when the bytes and the names of all these blobs survive a power cut. */
  sync(blobs: readonly FoundBlob[]): Promise<void>;
}

/** In flight together, so that the file system can serve several with one write of its journal. */
const syncsAtOnce = 32;
const syncedRemembered = 200_000;

/** Syncs each file once for its lifetime, as far as this process remembers. */
export function fileDurability(layout: Layout, observer: Observer): Durability {
  const synced = new KnownFiles(syncedRemembered);

  async function syncBlob({ digest }: FoundBlob): Promise<void> {
    const handle = await openRegular(layout.blob(blobName(digest)));
    try {
      await handle.datasync();
    } catch (error) {
      // A second fsync would report success for pages that were dropped: never try again.
      observer.doubted(blobName(digest), 'unreadable');
      throw error;
    } finally {
      await handle.close();
    }
  }

  const isSynced = ({ digest, identity }: FoundBlob) => synced.has(blobName(digest), identity);

  return {
    isSynced,
    async sync(blobs) {
      const unknown = blobs.filter((blob) => !isSynced(blob));
      if (unknown.length === 0) return;
      try {
        await pMap(unknown, syncBlob, { concurrency: syncsAtOnce });
        const folders = new Set(unknown.map(({ digest }) => layout.blobFolder(blobName(digest))));
        await pMap(folders, syncFolder, { concurrency: syncsAtOnce });
        // One of the folders, or of those above, may have been made anew.
        const functions = new Set(unknown.map(({ digest }) => digest.digestFunction));
        for (const name of functions) await syncUpwards(layout.objectsOf(name), layout.root);
      } catch (error) {
        throw volumeError(error, 'bringing blobs to the disk');
      }
      for (const { digest, identity } of unknown) synced.add(blobName(digest), identity);
    },
  };
}
