import { hashOf } from './hashing.ts';

/** The 256 folders of blobs, by the two hex digits that name them. */
const folderCount = 256;

/**
 * What a server has written, added up for as long as it tells others. Only differences between two looks say
 * something. Bytes on disk where blobs are meant, else bytes as they came.
 */
export interface UsageCounts {
  /** Into temporary files. */
  takenBytes: number;
  /** What it may have taken before it says so again; never less than it has. */
  bookedBytes: number;
  /** Of those taken: what is not on its way any more. */
  settledBytes: number;
  /** New files. */
  takenFiles: number;
  /** What its passes of eviction have removed, and how long these took together, in milliseconds. */
  freedBytes: number;
  freeingMs: number;
  /** Of all folders together. */
  publishedBytes: number;
  /** Blobs that it has published, by folder. */
  readonly published: Float64Array;
}

export function noUsage(): UsageCounts {
  return {
    takenBytes: 0,
    bookedBytes: 0,
    settledBytes: 0,
    takenFiles: 0,
    freedBytes: 0,
    freeingMs: 0,
    publishedBytes: 0,
    published: new Float64Array(folderCount),
  };
}

const formatVersion = 1;
const numbersBefore = 9;
const numbers = numbersBefore + folderCount;
const sealBytes = 32;
/** All pages are of one size, so that a later one fits where the disk has no room for another block. */
export const usagePageBytes = numbers * 8 + sealBytes;

/** Counts with a number that tells one page from the next; 0 for a server that tells nothing yet. */
export interface UsagePage {
  readonly beat: number;
  readonly counts: UsageCounts;
}

export function encodeUsagePage({ beat, counts }: UsagePage): Buffer {
  const values = new Float64Array(numbers);
  values.set([
    formatVersion,
    beat,
    counts.takenBytes,
    counts.bookedBytes,
    counts.settledBytes,
    counts.takenFiles,
    counts.freedBytes,
    counts.freeingMs,
    counts.publishedBytes,
  ]);
  values.set(counts.published, numbersBefore);
  const bytes = Buffer.from(values.buffer);
  return Buffer.concat([bytes, sealOf(bytes)]);
}

/** Undefined for what is not a whole page: one that is just being written, or of another version. */
export function decodeUsagePage(page: Uint8Array): UsagePage | undefined {
  const bytes = page.slice(0, numbers * 8);
  if (page.length !== usagePageBytes || !sealOf(bytes).equals(page.subarray(numbers * 8))) return undefined;
  const values = new Float64Array(bytes.buffer, 0, numbers);
  const [version, beat = 0, takenBytes = 0, bookedBytes = 0, settledBytes = 0] = values;
  const [takenFiles = 0, freedBytes = 0, freeingMs = 0, publishedBytes = 0] = values.subarray(5);
  if (version !== formatVersion) return undefined;
  const published = values.slice(numbersBefore);
  return {
    beat,
    counts: {
      takenBytes,
      bookedBytes,
      settledBytes,
      takenFiles,
      freedBytes,
      freeingMs,
      publishedBytes,
      published,
    },
  };
}

function sealOf(bytes: Uint8Array): Buffer {
  return Buffer.from(hashOf('sha256', bytes), 'hex');
}
