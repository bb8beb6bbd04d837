import type { Clock } from '../core/clock.ts';
import { type Digest } from '../core/digest.ts';
import { instantOf } from '../core/instant.ts';
import type { Durability } from './durability.ts';
import { elsewhere } from './elsewhere.ts';
import { fileCallsFor } from './file-calls.ts';
import type { Layout } from './layout.ts';
import { noLeaseMemory } from './no-lease-memory.ts';
import { fileTimeLeases } from './file-time-leases.ts';
import type { Leases } from './leases.ts';
import { type ReachChecker, reachChecker } from './reach.ts';
import { lookAtRecord, type RecordLook } from './record-look.ts';
import { volumeRecords } from './records.ts';
import { storedTrees } from './trees.ts';
import { untouchedBlobs } from './untouched-blobs.ts';
import { volumeClock } from './volume-clock.ts';
import { volumeError } from './volume-error.ts';
import { noTrees } from './whole-trees.ts';

/** Leases records and all that they reach, as an answer about them would. */
export interface RecordKeeper {
  /**
   * What is on its way out is brought back. Of a tree, all that is here is leased, however much is missing. Rejects with a CacheError when the
   * volume fails, and with the signal's reason when that is aborted.
   */
  keep(recordPath: string, signal?: AbortSignal): Promise<KeptRecord>;
}

/** What was found and leased. */
export interface KeptRecord {
  /** `absent`: there is no record of this name; for the others see RecordLook. */
  readonly state: RecordLook['state'] | 'absent';
  /** In words what is wrong. */
  readonly detail: string;
  /** What it reaches and was leased, each blob once. */
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that are not here, each once; and the first of them. */
  readonly missing: number;
  readonly firstMissing: readonly Digest[];
}

/** How records are kept. */
export interface KeepOptions {
  /** A file that was touched less long ago is not touched again. Milliseconds. */
  readonly coalesceMs: number;
  /** Blobs are elsewhere: only records are leased. */
  readonly indexOnly: boolean;
}

const missingNamed = 32;

/** Nothing rests on what is only kept. */
const noDurability: Durability = { isSynced: () => true, sync: () => Promise.resolve() };
const unwritten = { syncRecord: () => Promise.resolve(), syncName: () => Promise.resolve() };
/** `onBlob` hears of each blob that was leased. Rejects when the volume's clock cannot be asked. */
export async function recordKeeper(
  layout: Layout,
  { coalesceMs, indexOnly }: KeepOptions,
  onBlob: (bytes: number) => void = () => {},
): Promise<RecordKeeper> {
  const calls = await fileCallsFor(layout.root);
  const { now } = await volumeClock(layout, 0, Date.now).catch((error: unknown) => {
    throw volumeError(error, 'asking for its time');
  });
  const leases = fileTimeLeases({
    calls,
    layout,
    coalesceMs,
    graceMs: 0,
    clock: now,
    // A file of another size is as good as missing, and is told of as that.
    observer: { doubted: () => {}, promiseBroken: () => {} },
    memory: noLeaseMemory(() => 0),
    seen: { wereWrong: () => false },
  });
  const records = volumeRecords(calls, layout, leases, unwritten);
  return {
    async keep(recordPath, signal) {
      const tally = emptyTally(onBlob);
      const reaches = indexOnly ? elsewhere : leasingReaches(layout, leases, tally);
      const look = await looked(layout, records, reaches, recordPath, now, signal);
      const { blobs, bytes, missing, firstMissing } = tally;
      const kept = { blobs, bytes, missing, firstMissing };
      if (look === undefined) return { ...kept, state: 'absent', detail: 'there is no record of this name' };
      return { ...kept, state: look.state, detail: look.detail ?? detailOf(look.state) };
    },
  };
}

async function looked(
  layout: Layout,
  records: ReturnType<typeof volumeRecords>,
  reaches: ReachChecker,
  recordPath: string,
  now: Clock,
  signal: AbortSignal | undefined,
): Promise<RecordLook | undefined> {
  const recordRoot = layout.recordRoots.find((root) => recordPath.startsWith(`${root}/`));
  try {
    if (recordRoot === undefined || !(await records.touch(recordPath))) return undefined;
    return await lookAtRecord(layout, reaches, recordRoot, recordPath, instantOf(now()), signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw volumeError(error, 'looking at a record');
  }
}

function detailOf(state: RecordLook['state']): string {
  if (state === 'unreadable') return 'the record cannot be read';
  return state === 'expired' ? 'it has expired: nobody gets it any more' : '';
}

interface Tally {
  blobs: number;
  bytes: number;
  missing: number;
  readonly firstMissing: Digest[];
  found(digest: Digest): void;
  lacks(digest: Digest): void;
}

function emptyTally(onBlob: (bytes: number) => void): Tally {
  return {
    blobs: 0,
    bytes: 0,
    missing: 0,
    firstMissing: [],
    found({ sizeBytes }) {
      this.blobs++;
      this.bytes += sizeBytes;
      onBlob(sizeBytes);
    },
    lacks(digest) {
      this.missing++;
      if (this.firstMissing.length < missingNamed) this.firstMissing.push(digest);
    },
  };
}

/** Directories are read, and compared with their hashes; a look at each file is enough for the others. */
function leasingReaches(layout: Layout, leases: Leases, tally: Tally): ReachChecker {
  const { readWhole } = untouchedBlobs(layout, () => false).blobs;
  const touchAll: Leases['touchAll'] = async (digests, signal, early) => {
    const found = await leases.touchAll(digests, signal, early);
    for (const [index, digest] of digests.entries()) {
      if (found[index] === undefined) tally.lacks(digest);
      else tally.found(digest);
    }
    return found;
  };
  const blobs = {
    readWhole,
    /** Before Tree messages are read. What is here is counted with all others, later. */
    async findMissing(digests: readonly Digest[], signal?: AbortSignal) {
      const found = await leases.touchAll(digests, signal);
      const missing = digests.filter((_, index) => found[index] === undefined);
      for (const digest of missing) tally.lacks(digest);
      return missing;
    },
  };
  const trees = storedTrees(blobs, { touchAll, restMs: (stats) => leases.restMs(stats) }, true);
  return reachChecker(blobs, trees, noDurability, noTrees);
}
