import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCertificateFolder } from './certificate-folder.ts';
import type { FolderContents } from './certificate-folder.ts';
import { syncContents } from './sync-certificates.ts';
import type { SyncOptions, SyncResult } from './sync-certificates.ts';

export interface WatchOptions extends SyncOptions {
  /** Time between two looks at the files. */
  intervalMs: number;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called after each round that had something new to work on, the first included. */
  onRound(result: SyncResult): void | Promise<void>;
  /** Called when a round could not be done; the next one tries again. */
  onFailure(error: unknown): void;
}

const dayMs = 86_400_000;

/**
 * Syncs now and after every change of the folder's contents, until the signal. Contents, not times, are
 * compared: bind mounts and network file systems do not pass notifications on, and times can lie.
 * A change is taken over once two looks in a row saw the same, so that a file is not read half-written.
 * Once a day it reports anyway, since certificates expire without any file changing.
 */
export async function watchCertificates(options: WatchOptions): Promise<void> {
  let applied: FolderContents | undefined;
  let seen: FolderContents | undefined;
  let appliedAt = 0;
  let failure = '';
  while (!options.signal.aborted) {
    try {
      const time = (options.now?.() ?? new Date()).getTime();
      const contents = await readCertificateFolder(options.folder);
      const settled = applied === undefined || isDeepStrictEqual(contents, seen);
      const due = !isDeepStrictEqual(contents, applied) || time - appliedAt > dayMs;
      seen = contents;
      if (settled && due) {
        const result = await syncContents(contents, options);
        applied = contents;
        appliedAt = time;
        await options.onRound(result);
      }
      failure = '';
    } catch (error) {
      // Said once, not every second.
      if (String(error) !== failure) options.onFailure(error);
      failure = String(error);
    }
    await sleep(options.intervalMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
}
