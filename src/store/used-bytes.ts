import type { BlobName } from '../core/digest.ts';
import { blobPrefixes } from './layout.ts';

/**
 * How many bytes of the disk the cache takes. Measured folder by folder in the background, with what this
 * process has written since on top; what other processes write is seen when their folders are measured next.
 */
export interface UsedBytes {
  /** The best that is known. Bytes on disk. */
  current(): number;
  /** Bytes are on their way into a temporary file. */
  taken(bytes: number): void;
  /** They are there: as this blob, or, without one, not at all or still as a file that is measured with the rest. */
  settled(bytes: number, blob?: BlobName): void;
  /** Before folders are measured: what the result has to be compared with. */
  beginMeasuring(): Measuring;
  /** After so much was removed, nobody knows where. */
  freed(bytes: number): void;
}

/** One measurement on its way. */
export interface Measuring {
  /** Bytes on disk of some of the 256 folders, by their two digits, and of the rest where that was measured too. */
  done(folders: Readonly<Record<string, number>>, rest: number | undefined): void;
}

export function usedBytes(blockSize: number): UsedBytes {
  /** As measured last, by folder. */
  const measured = new Map<string, number>();
  /** Published by this process since it began, by folder; and how much that was when the folder was measured. */
  const published = new Map<string, number>();
  const publishedThen = new Map<string, number>();
  let rest = 0;
  let inFlight = 0;

  const get = (map: ReadonlyMap<string, number>, prefix: string) => map.get(prefix) ?? 0;
  return {
    current() {
      let bytes = rest + inFlight;
      for (const prefix of blobPrefixes)
        bytes += get(measured, prefix) + get(published, prefix) - get(publishedThen, prefix);
      return bytes;
    },
    taken: (bytes) => void (inFlight += bytes),
    settled(bytes, blob) {
      inFlight -= bytes;
      if (blob === undefined) return;
      const dash = blob.indexOf('-');
      const prefix = blob.slice(dash + 1, dash + 3);
      published.set(prefix, get(published, prefix) + Math.ceil(bytes / blockSize) * blockSize);
    },
    beginMeasuring() {
      const before = new Map(published);
      const flying = inFlight;
      return {
        done(folders, restNow) {
          for (const [prefix, bytes] of Object.entries(folders)) {
            measured.set(prefix, bytes);
            publishedThen.set(prefix, get(before, prefix));
          }
          // What was in flight then is among the temporary files that were measured.
          if (restNow !== undefined) rest = Math.max(0, restNow - flying);
        },
      };
    },
    freed(bytes) {
      const total = [...measured.values()].reduce((sum, size) => sum + size, 0);
      const share = total === 0 ? 0 : Math.max(0, 1 - bytes / total);
      for (const [prefix, size] of measured) measured.set(prefix, size * share);
    },
  };
}
