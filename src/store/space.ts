import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { BlobName } from '../core/digest.ts';
import type { Observer, PinCounts } from '../core/observer.ts';
import type { Layout } from './layout.ts';
import { type Shortage, shortOfDisk, shortOfQuota, fullSentence, type VolumeUsage } from './shortage.ts';
import { type UsageLedger, usageLedger } from './usage-ledger.ts';
import type { Measuring, Shift, UsedBytes } from './used-bytes.ts';
import { errnoOf, isFull, volumeError } from './volume-error.ts';

/**
 * Whether room was made. False when none could be because all that is here is leased; 'not-now' when nothing may be
 * removed at the moment, for another reason.
 */
export type RoomMade = boolean | 'not-now';

/** Makes room for so many bytes, if it can. */
export type RoomMaker = (bytes: number) => Promise<RoomMade>;

/** Keeps uploads from filling the volume: they are refused while there is still room for everything else. */
export interface Space {
  /**
   * Rejects with 'resource-exhausted' when so many bytes would not fit, and no room can be made for them.
   * Reserves nothing: a size is only a claim.
   */
  expectRoomFor(bytes: number): Promise<void>;
  /** Before bytes are written: takes them, and new files, from what is left, or rejects as expectRoomFor does. */
  take(bytes: number, newFiles: number): Promise<void>;
  /** Ends what take() began: the bytes are this blob now, or, without one, are gone or kept as a temporary file. */
  settle(bytes: number, blob?: BlobName): void;
  /** As measured at most `measureEveryMs` ago. */
  usage(): Promise<VolumeUsage>;
  /** Free bytes below which uploads are refused, and free bytes that eviction makes. */
  headRoom(totalBytes: number): { min: number; max: number };
  /** Most bytes on disk that the cache may take, if there is such a limit. */
  readonly quotaBytes: number | undefined;
  readonly used: UsedBytes;
  /** Who is asked for room before an upload is refused. */
  askForRoom(maker: RoomMaker): void;
  /** Who measures what the cache takes, at once when asked; until the first time, uploads wait a while. */
  askForMeasuring(measure: () => Promise<void>): void;
  /** Before folders are measured, with what other servers have told until now. */
  beginMeasuring(): Promise<Measuring>;
  /** Our own janitor has moved or removed something (UsedBytes.shifted). */
  shifted(shift: Shift): void;
  /** It has removed so much, and took so long for it: free space is looked at anew, and other servers are told. */
  freed(bytes: number, tookMs: number): void;
  /** What is pinned now, for those who are told that nothing can be removed. */
  pinned(pins: PinCounts): void;
  /** What pinned() was told last. */
  pins(): PinCounts | undefined;
  /** The word for an error of a call that has written; where the volume had no room for it, with the numbers. */
  writeFailed(cause: unknown, doing: string): Promise<CacheError>;
  /** Says to other servers that this one runs; asked for every half minute. */
  renew(): Promise<void>;
  /** The orderly end. */
  close(): Promise<void>;
}

/** Settings of a Space. */
export interface SpaceLimits {
  /** Bytes that stay free on the volume; undefined: 2 GB, or a tenth of a volume smaller than 20 GB. */
  readonly headRoomMin: number | undefined;
  /** Bytes that eviction makes free; undefined: 10 GB, or a fifth of a volume smaller than 50 GB. */
  readonly headRoomMax: number | undefined;
  /** Bytes on disk that the cache may take; undefined: as many as the file system has. */
  readonly quotaBytes: number | undefined;
}

const measureEveryMs = 1000;
const defaultHeadRoom = { min: 2e9, max: 10e9 };
/** How often an upload asks for room before it is refused: others may take what was made for it. */
const mostAsks = 4;
/** What other servers have booked and do not use comes back soon: so often, after so long, it is looked for. */
const mostWaits = 12;
const waitMs = 150;
/** For the first measurement: a server that has just started does not know what its quota has left. */
const firstMeasureMs = 10_000;
/** For the one after a pass of eviction. */
const measurePatienceMs = 2000;

/**
 * Space by what statfs says and by what was measured of the quota, with what was written since on top: by this
 * server, and by others as far as they tell (usage-pages.ts).
 */
export async function measuredSpace(
  layout: Layout,
  limits: SpaceLimits,
  clock: Clock,
  observer: Observer,
): Promise<Space> {
  const { bsize: blockSize } = await statfs(layout.root);
  const ledger: UsageLedger = await usageLedger(layout, blockSize);
  const { used } = ledger;
  const { quotaBytes } = limits;
  let measured: VolumeUsage = { totalBytes: 0, freeBytes: 0, totalInodes: 0, freeInodes: 0 };
  let measuredAt = -Infinity;
  let takenSince = ledger.mark();
  let measuring: Promise<void> | undefined;
  let makeRoom: RoomMaker = () => Promise.resolve('not-now');
  let measureUsed: () => Promise<void> = () => Promise.resolve();
  let firstMeasured: Promise<unknown> | undefined;
  let pins: PinCounts | undefined;

  async function measure(): Promise<void> {
    await ledger.look();
    // What was taken while the call ran may or may not be in its answer: count it once more.
    const since = ledger.mark();
    const { blocks, bavail, bsize, files, ffree } = await statfs(layout.root);
    measured = {
      totalBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      totalInodes: files,
      freeInodes: ffree,
    };
    measuredAt = clock();
    takenSince = since;
  }

  function headRoom(totalBytes: number): { min: number; max: number } {
    const min = limits.headRoomMin ?? Math.min(defaultHeadRoom.min, totalBytes / 10);
    const max = limits.headRoomMax ?? Math.min(defaultHeadRoom.max, totalBytes / 5);
    // Limits made for a large disk must not empty a small one.
    return { min, max: Math.max(min, Math.min(max, totalBytes / 2)) };
  }

  async function usage(): Promise<VolumeUsage> {
    if (Math.abs(clock() - measuredAt) >= measureEveryMs) {
      measuring ??= measure().finally(() => (measuring = undefined));
      try {
        await measuring;
      } catch (error) {
        throw volumeError(error, 'measuring its free space');
      }
    }
    return measured;
  }

  /** `booked`: bytes that other servers may have taken without having said so yet. */
  function shortageOf(bytes: number, booked: number): Shortage | undefined {
    const since = takenSince();
    const taken = { bytes: since.bytes + booked, files: since.files };
    const keptFree = headRoom(measured.totalBytes).min;
    return (
      shortOfDisk(bytes, measured, keptFree, taken) ??
      (quotaBytes === undefined ? undefined : shortOfQuota(bytes, quotaBytes, used.current() + booked))
    );
  }

  /** What one server may write before it tells the others: less, the less there is left. */
  function leftBytes(): number {
    const ofDisk = measured.totalBytes === 0 ? Infinity : measured.freeBytes - takenSince().bytes;
    return Math.min(ofDisk, quotaBytes === undefined ? Infinity : quotaBytes - used.current());
  }

  async function madeRoom(lackingBytes: number): Promise<RoomMade> {
    const made = await makeRoom(lackingBytes);
    if (made === true && quotaBytes !== undefined)
      await Promise.race([
        measureUsed().catch(() => {}),
        sleep(measurePatienceMs, undefined, { ref: false }),
      ]);
    return made;
  }

  function refuse({ sentence, lackingBytes }: Shortage, made: RoomMade | undefined): never {
    const whyNot =
      made === false && lackingBytes !== undefined
        ? `. Everything on the volume is leased (LEASE_SECONDS): what was used too recently is not removed${pinsText(pins)}`
        : '';
    const message = sentence + whyNot;
    observer.refusedForSpace(message);
    throw new CacheError('resource-exhausted', message);
  }

  /** Resolves when there is room; `admitted` then says in the same turn whether it was taken, or may be now. */
  async function whenRoom(bytes: number, admitted: () => Promise<void> | undefined): Promise<void> {
    if (quotaBytes !== undefined) await firstMeasured;
    for (let [asks, waits] = [0, 0]; ;) {
      await usage();
      await ledger.lookIfOld();
      const shortage = shortageOf(bytes, ledger.bookedByOthers());
      if (shortage === undefined) {
        const toBook = admitted();
        if (toBook === undefined) return;
        await toBook;
      } else if (shortageOf(bytes, 0) === undefined && waits++ < mostWaits) {
        await sleep(waitMs);
        await ledger.look();
      } else {
        const { lackingBytes } = shortage;
        if (lackingBytes === undefined || asks++ >= mostAsks) refuse(shortage, undefined);
        const made = await madeRoom(lackingBytes);
        if (made !== true) refuse(shortage, made);
      }
    }
  }

  return {
    expectRoomFor: (bytes) => whenRoom(bytes, () => undefined),
    take: (bytes, newFiles) => whenRoom(bytes, () => ledger.take(bytes, newFiles, leftBytes())),
    settle: (bytes, blob) => ledger.settle(bytes, blob),
    usage,
    headRoom,
    quotaBytes,
    used,
    askForRoom: (maker) => void (makeRoom = maker),
    askForMeasuring(measureNow) {
      measureUsed = measureNow;
      const patience = sleep(firstMeasureMs, undefined, { ref: false });
      firstMeasured = Promise.race([measureNow().catch(() => {}), patience]);
      ledger.onFreedElsewhere(() => {
        measuredAt = -Infinity;
        measureNow().catch(() => {});
      });
    },
    async beginMeasuring() {
      await ledger.look();
      return used.beginMeasuring();
    },
    shifted: (shift) => used.shifted(shift),
    freed(bytes, tookMs) {
      ledger.freed(bytes, tookMs);
      measuredAt = -Infinity;
    },
    pinned: (now) => void (pins = now),
    pins: () => pins,
    async writeFailed(cause, doing) {
      const errno = errnoOf(cause);
      if (!isFull(errno)) return volumeError(cause, doing);
      measuredAt = -Infinity;
      const now = await usage().catch(() => measured);
      const message = fullSentence(errno, doing, now);
      observer.refusedForSpace(message);
      return new CacheError('resource-exhausted', message, { cause });
    },
    renew: () => ledger.renew(),
    close: () => ledger.close(),
  };
}

function pinsText(pins: PinCounts | undefined): string {
  const count = pins === undefined ? 0 : pins.whole + pins.incomplete;
  if (pins === undefined || count === 0) return '';
  return `, and ${count} pinned ${count === 1 ? 'name keeps' : 'names keep'} ${pins.bytes} bytes of it (weir pin --list)`;
}
