import type { BlobName } from '../core/digest.ts';
import { blobPrefixes } from './layout.ts';
import { noUsage, type UsageCounts } from './usage-counts.ts';
import type { OtherServer } from './usage-pages.ts';

/**
 * How many bytes of the disk the cache takes. Measured folder by folder in the background, with what servers have
 * written since on top: this one at once, others as far as they have told.
 */
export interface UsedBytes {
  /** For what is still to come: rather too much than too little. Bytes on disk. */
  current(): number;
  /**
   * For what is to go: rather too little than too much. Without what folders that were never measured may hold, and
   * without what came while others were being measured, which may count twice until they are measured again.
   * Bytes on disk.
   */
  atLeast(): number;
  /** Before folders are measured: what the result has to be compared with. */
  beginMeasuring(): Measuring;
  /** What our own janitor has moved or removed; told before what it measures after that, and not when that was measured already. */
  shifted(shift: Shift): void;
  /** Another server has removed so much since then (performance.now()), nobody knows from which folders. */
  freed(bytes: number, since: number): void;
  /** Whether all folders were measured since then (performance.now()). */
  isMeasuredSince(time: number): boolean;
}

/** One measurement on its way. */
export interface Measuring {
  done(measured: MeasuredBytes): void;
}

/** Bytes on disk. */
export interface MeasuredBytes {
  /** Of some of the 256 folders, by their two digits. */
  readonly folders: Readonly<Record<string, number>>;
  /** Of all records, where they were measured too. */
  readonly records: number | undefined;
  /** Of what is on its way in or out, and of what was set aside. */
  readonly transit: number;
}

/** How bytes on disk came from one place to another, or left it, since the last that was told. */
export interface Shift {
  /** By the places of blobs among the 256 folders (folderIndex). */
  readonly folders?: ReadonlyMap<number, number>;
  readonly records?: number;
  readonly transit?: number;
}

/** What a server had written when each folder was measured last, and had on its way when that was. */
interface Earlier {
  readonly published: Float64Array;
  publishedBytes: number;
  inFlight: number;
}

const ownId = 'own';
const nothing = noUsage();

/** A blob's place among the 256 folders. */
export function folderIndex(blob: BlobName): number {
  const dash = blob.indexOf('-');
  return Number.parseInt(blob.slice(dash + 1, dash + 3), 16);
}

export function usedBytes(own: UsageCounts, others: ReadonlyMap<string, OtherServer>): UsedBytes {
  /** By folder; those that were never measured hold what the others do on average, for hashes are uniform. */
  const measured = new Float64Array(blobPrefixes.length);
  const measuredAt = new Float64Array(blobPrefixes.length).fill(-Infinity);
  /** What came while each folder was being measured, and while what is in transit was: it may count twice. */
  const doubtful = new Float64Array(blobPrefixes.length);
  let doubtfulTransit = 0;
  let blobs = 0;
  /** Of that, in folders that were never measured. */
  let guessed = 0;
  let records: number | undefined;
  let transit: number | undefined;
  const earliers = new Map<string, Earlier>();

  function* servers(): Generator<readonly [string, UsageCounts, Earlier]> {
    yield [ownId, own, earlierOf(ownId, nothing)];
    for (const [id, { counts, first }] of others) yield [id, counts, earlierOf(id, first)];
  }

  function earlierOf(id: string, first: UsageCounts): Earlier {
    let earlier = earliers.get(id);
    if (earlier === undefined) {
      const { publishedBytes } = first;
      earlier = { published: first.published.slice(), publishedBytes, inFlight: inFlightOf(first) };
      earliers.set(id, earlier);
    }
    return earlier;
  }

  function countsOf(id: string): UsageCounts | undefined {
    return id === ownId ? own : others.get(id)?.counts;
  }

  function addUp(): void {
    let [sum, count] = [0, 0];
    for (const [index, bytes] of measured.entries()) {
      if (measuredAt[index] === -Infinity) continue;
      sum += bytes;
      count++;
    }
    blobs = count === 0 ? 0 : (sum / count) * blobPrefixes.length;
    guessed = blobs - sum;
  }

  function current(): number {
    let bytes = blobs + (records ?? 0) + (transit ?? 0);
    for (const [, counts, earlier] of servers())
      bytes += counts.publishedBytes - earlier.publishedBytes + inFlightOf(counts) - earlier.inFlight;
    return Math.max(0, bytes);
  }

  function isMeasuredSince(time: number): boolean {
    return measuredAt.every((at) => at > time);
  }

  function beginMeasuring(): Measuring {
    const begun = performance.now();
    const before = [...servers()].map(([id, counts, earlier]) => ({
      id,
      earlier,
      published: counts.published.slice(),
      inFlight: inFlightOf(counts),
      takenBytes: counts.takenBytes,
    }));
    return {
      done(now) {
        for (const [prefix, bytes] of Object.entries(now.folders)) {
          const index = Number.parseInt(prefix, 16);
          measured[index] = bytes;
          measuredAt[index] = begun;
          let came = 0;
          for (const { id, earlier, published } of before) {
            const then = published[index] ?? 0;
            earlier.published[index] = then;
            came += (countsOf(id)?.published[index] ?? then) - then;
          }
          doubtful[index] = came;
        }
        // What was on its way then is among the temporary files that were measured.
        transit = now.transit;
        doubtfulTransit = 0;
        records = now.records ?? records;
        for (const { id, earlier, inFlight, takenBytes } of before) {
          earlier.inFlight = inFlight;
          earlier.publishedBytes = earlier.published.reduce((sum, bytes) => sum + bytes, 0);
          doubtfulTransit += (countsOf(id)?.takenBytes ?? takenBytes) - takenBytes;
        }
        for (const id of earliers.keys()) if (id !== ownId && !others.has(id)) earliers.delete(id);
        addUp();
      },
    };
  }

  return {
    beginMeasuring,
    isMeasuredSince,
    current,
    atLeast() {
      const doubted = doubtful.reduce((sum, bytes) => sum + bytes, doubtfulTransit);
      return Math.max(0, current() - guessed - doubted);
    },
    shifted(shift) {
      for (const [index, bytes] of shift.folders ?? [])
        if (measuredAt[index] !== -Infinity) measured[index] = (measured[index] ?? 0) + bytes;
      if (records !== undefined) records += shift.records ?? 0;
      if (transit !== undefined) transit += shift.transit ?? 0;
      addUp();
    },
    freed(bytes, since) {
      const share = blobs === 0 ? 0 : Math.max(0, 1 - bytes / blobs);
      // Those that were measured since then show it already.
      for (const [index, at] of measuredAt.entries())
        if (at < since) measured[index] = (measured[index] ?? 0) * share;
      addUp();
    },
  };
}

function inFlightOf({ takenBytes, settledBytes }: UsageCounts): number {
  return takenBytes - settledBytes;
}
