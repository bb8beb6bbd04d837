import type { BlobName } from '../core/digest.ts';
import type { Layout } from './layout.ts';
import { noUsage, type UsageCounts } from './usage-counts.ts';
import { usagePages } from './usage-pages.ts';
import { folderIndex, type UsedBytes, usedBytes } from './used-bytes.ts';

/** Bytes and new files. */
export interface Taken {
  readonly bytes: number;
  readonly files: number;
}

/** What is written on the volume: by this server, which counts it here, and by others, as they tell. */
export interface UsageLedger {
  readonly used: UsedBytes;
  /** A point in time: the function then says what was taken since, by all. */
  mark(): () => Taken;
  /**
   * Takes bytes and files at once, and returns undefined; or, where other servers have to be told first, takes
   * nothing and tells them: then look whether there is room still, and try again. `needed` is what must be booked:
   * the bytes, and what is to stay for others here. `left` is what there is at all.
   */
  take(bytes: number, files: number, needed: number, left: number): Promise<void> | undefined;
  settle(bytes: number, blob: BlobName | undefined): void;
  /** Tells others that a pass of ours that took so long has removed so much. */
  freed(bytes: number, tookMs: number): void;
  /**
   * What others may have taken without having said so yet, as far as so many bytes of ours have to leave it to them:
   * nothing where ours were booked before theirs. Bytes.
   */
  bookedByOthers(needed: number): number;
  /** Reads what others tell. Does not reject. */
  look(): Promise<void>;
  /** The same unless that was done a moment ago. */
  lookIfOld(): Promise<void>;
  /** Who is told that another server has removed something. */
  onFreedElsewhere(told: () => void): void;
  renew(): Promise<void>;
  close(): Promise<void>;
}

const lookEveryMs = 250;
const tellAfterMs = 200;
/** A server books so much of what is left, within these bounds. Bytes. */
const bookedShare = 1 / 16;
const leastBooked = 256 * 1024;
const mostBooked = 32 * 1024 * 1024;
/** What was booked counts for so long unless it is renewed, so that a server that was killed keeps nothing. */
const bookingEndsMs = 5000;
/** The one who booked it uses it for less long. */
const bookingUsedMs = 3000;

/**
 * Before a server writes, it books: it writes into its page how much it may have taken, and only then reads what
 * others have booked. Of two that do so at once, the later reader sees both, so that they never overrun together what
 * is left. A server that is alone on its volume tells nothing.
 */
export async function usageLedger(
  layout: Layout,
  blockSize: number,
  stillToCome: () => number,
): Promise<UsageLedger> {
  const pages = usagePages(layout);
  const { told, others } = pages;
  const own: UsageCounts = noUsage();
  const used = usedBytes(own, others);
  let lookedAt = -Infinity;
  let looking: Promise<void> | undefined;
  let booking: Promise<void> | undefined;
  let bookedAt = -Infinity;
  /** When what we may use was told last. */
  let postedAt = -Infinity;
  // As what is booked, these two say how far what is taken may go.
  /** What others were told before we looked at what they have booked. */
  let usableBytes = 0;
  /** Of that, what had room beside all that they had booked. */
  let grantedBytes = 0;
  let telling: NodeJS.Timeout | undefined;
  let tellsOthers = false;
  let freedElsewhere = (): void => {};

  function look(): Promise<void> {
    looking ??= pages
      .read((bytes, since) => {
        used.freed(bytes, since);
        freedElsewhere();
      })
      // What cannot be read now is measured sooner or later.
      .catch(() => {})
      .finally(() => {
        lookedAt = performance.now();
        looking = undefined;
        tellsOthers = pages.hasReaders();
        for (const [id, { goneSince }] of others)
          if (goneSince !== undefined && used.isMeasuredSince(goneSince)) pages.forget(id);
      });
    return looking;
  }

  function change(what: (counts: UsageCounts) => void): void {
    what(own);
    if (!tellsOthers) return;
    what(told);
    telling ??= setTimeout(tell, tellAfterMs).unref();
  }

  function isFresh(): boolean {
    return performance.now() - postedAt < bookingUsedMs;
  }

  /** Later changes are told later; what is booked and not needed any more is given back. */
  function tell(): void {
    telling = undefined;
    const coming = stillToCome();
    if (performance.now() - bookedAt > tellAfterMs) {
      const granted = isFresh() ? grantedBytes : 0;
      told.bookedBytes = Math.max(told.takenBytes, Math.min(granted, told.takenBytes + coming));
      usableBytes = grantedBytes = told.bookedBytes;
    }
    if (told.bookedBytes > told.takenBytes) telling = setTimeout(tell, tellAfterMs).unref();
    void post();
  }

  async function post(): Promise<void> {
    const begun = performance.now();
    await pages.post();
    postedAt = begun;
  }

  async function book(needed: number, left: number): Promise<void> {
    const share = Math.min(mostBooked, Math.max(leastBooked, left * bookedShare));
    told.bookedBytes = Math.max(told.bookedBytes, told.takenBytes + needed + share);
    bookedAt = performance.now();
    telling ??= setTimeout(tell, tellAfterMs).unref();
    await post();
    await looking;
    await look();
    usableBytes = told.bookedBytes;
  }

  function mark(): () => Taken {
    const ownThen = { bytes: own.takenBytes, files: own.takenFiles };
    const then = new Map([...others].map(([id, { counts }]) => [id, counts]));
    return () => {
      let bytes = own.takenBytes - ownThen.bytes;
      let files = own.takenFiles - ownThen.files;
      for (const [id, { counts, first }] of others) {
        const before = then.get(id) ?? first;
        bytes += counts.takenBytes - before.takenBytes;
        files += counts.takenFiles - before.takenFiles;
      }
      return { bytes, files };
    };
  }

  await pages.renew().catch(() => {});
  await look();
  return {
    used,
    mark,
    take(bytes, files, needed, left) {
      if (tellsOthers && needed > 0) {
        if (told.takenBytes + needed > usableBytes || !isFresh())
          return (booking ??= book(needed, left).finally(() => (booking = undefined)));
        grantedBytes = Math.max(grantedBytes, told.takenBytes + needed);
      }
      change((counts) => {
        counts.takenBytes += bytes;
        counts.takenFiles += files;
        counts.bookedBytes = Math.max(counts.bookedBytes, counts.takenBytes);
      });
      return undefined;
    },
    settle(bytes, blob) {
      change((counts) => {
        counts.settledBytes += bytes;
        if (blob === undefined) return;
        const onDisk = Math.ceil(bytes / blockSize) * blockSize;
        const index = folderIndex(blob);
        counts.published[index] = (counts.published[index] ?? 0) + onDisk;
        counts.publishedBytes += onDisk;
      });
    },
    freed(bytes, tookMs) {
      told.freedBytes += bytes;
      told.freeingMs += tookMs;
      if (tellsOthers) void pages.post();
    },
    bookedByOthers(needed) {
      if (isFresh() && told.takenBytes + needed <= grantedBytes) return 0;
      const now = performance.now();
      let bytes = 0;
      for (const { counts, changedAt } of others.values())
        if (now - changedAt < bookingEndsMs) bytes += counts.bookedBytes - counts.takenBytes;
      return bytes;
    },
    look,
    lookIfOld: async () => {
      if (performance.now() - lookedAt >= lookEveryMs) await look();
    },
    onFreedElsewhere: (listener) => void (freedElsewhere = listener),
    renew: () => pages.renew(),
    async close() {
      clearTimeout(telling);
      told.bookedBytes = told.takenBytes;
      if (tellsOthers) await pages.post();
      await pages.close();
    },
  };
}
