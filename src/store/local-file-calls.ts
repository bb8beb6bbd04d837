import type { Stats } from 'node:fs';
import { blockingFileCalls } from './blocking-file-calls.ts';
import { type DiskPace, diskPace } from './disk-pace.ts';
import type { FileCalls } from './file-calls.ts';
import { pooledFileCalls } from './pooled-file-calls.ts';

/** Twice as many as the pool has threads, so that none of those waits for us. */
const looksAtOnce = 128;

/**
 * Calls that block, which costs least where the answer is in memory, or on a disk that answers at once. While it makes them wait, what only
 * reads goes through the thread pool, many at a time, and the event loop goes on.
 */
export function localFileCalls(pace: DiskPace = diskPace()): FileCalls {
  const blocking = blockingFileCalls(pace);
  const pooled = pooledFileCalls();
  const reading = () => (pace.isSlow() ? pooled : blocking);
  return {
    ...blocking,
    stat: (path) => reading().stat(path),
    async statAll(paths) {
      const found: (Stats | undefined)[] = [];
      for (let start = 0; start < paths.length; start = found.length) {
        const calls = reading();
        const end = start + (calls === pooled ? looksAtOnce : pace.inARow());
        found.push(...(await calls.statAll(paths.slice(start, end))));
      }
      return found;
    },
    folderState: (path) => reading().folderState(path),
    openFolder: (path) => reading().openFolder(path),
    readSmall: (path, least, most) => reading().readSmall(path, least, most),
    readUnnoticed: (path, most) => reading().readUnnoticed(path, most),
  };
}
