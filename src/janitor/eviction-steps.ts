import type { BlobName } from '../core/digest.ts';
import type { RemovalWatcher } from '../store/removal-watcher.ts';
import { folderIndex, type Shift } from '../store/used-bytes.ts';

/** What passes of eviction have done in a while. */
export interface EvictionSteps {
  readonly looked: number;
  readonly moved: number;
  /** Bytes on disk of what was moved. */
  readonly movedBytes: number;
  readonly shift: Required<Shift>;
}

const tellEveryMs = 500;
/** A look at the clock for each file would cost a part of what looking at the file does. */
const clockEvery = 256;

/** Counts, and tells now and then, and when it is asked to. */
export function steppedWatcher(tell: (steps: EvictionSteps) => void): RemovalWatcher & { tellNow(): void } {
  let [looked, moved, movedBytes, records, transit] = [0, 0, 0, 0, 0];
  let folders = new Map<number, number>();
  let toldAt = performance.now();

  function tellNow(): void {
    if (looked > 0 || transit !== 0 || folders.size > 0)
      tell({ looked, moved, movedBytes, shift: { folders, records, transit } });
    [looked, moved, movedBytes, records, transit] = [0, 0, 0, 0, 0];
    folders = new Map();
    toldAt = performance.now();
  }

  /** To its place, or from there where it is negative; the other end is the trash. */
  function came(blob: BlobName | undefined, bytes: number): void {
    transit -= bytes;
    if (blob === undefined) records += bytes;
    else folders.set(folderIndex(blob), (folders.get(folderIndex(blob)) ?? 0) + bytes);
  }

  return {
    looked() {
      looked++;
      if (looked % clockEvery === 0 && performance.now() - toldAt >= tellEveryMs) tellNow();
    },
    moved(blob, bytes) {
      moved++;
      movedBytes += bytes;
      came(blob, -bytes);
    },
    returned: came,
    removed: (bytes) => void (transit -= bytes),
    tellNow,
  };
}
