import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Observer, PinCounts } from '../core/observer.ts';
import { Claims } from './claims.ts';
import type { Layout } from './layout.ts';
import { type Shortage, shortOfDisk, shortOfQuota, fullSentence, type VolumeUsage } from './shortage.ts';
import type { RoomMade, RoomMaker, Space, SpaceLimits } from './space.ts';
import { discardKeptUploads } from './temporary-files.ts';
import { beginUploadRoom, just, type Wanted } from './upload-room.ts';
import { type UsageLedger, usageLedger } from './usage-ledger.ts';
import { errnoOf, isFull, volumeError } from './volume-error.ts';

const measureEveryMs = 1000;
const defaultHeadRoom = { min: 2e9, max: 10e9 };
/** How often an upload asks for room before it is refused: others may take what was made for it. */
const mostAsks = 4;
/** What others have booked or claimed and do not use comes back soon: for so long it is looked for, so often. */
const patienceMs = 1800;
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
  const claims = new Claims();
  const ledger: UsageLedger = await usageLedger(layout, blockSize, () => claims.counting());
  const { used } = ledger;
  const { quotaBytes } = limits;
  let measured: VolumeUsage = { totalBytes: 0, freeBytes: 0, totalInodes: 0, freeInodes: 0 };
  let measuredAt = -Infinity;
  let takenSince = ledger.mark();
  let measuring: Promise<void> | undefined;
  let makeRoom: RoomMaker = () => Promise.resolve('not-now');
  let measureUsed: () => Promise<void> = () => Promise.resolve();
  let firstMeasured: Promise<unknown> | undefined;
  let measurement: Promise<void> = Promise.resolve();
  let nextMeasurement: Promise<void> | undefined;
  let pins: PinCounts | undefined;
  let givingUp: Promise<boolean> | undefined;

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

  /** `booked`: bytes that count as taken: by other servers, which have not said so yet, or by uploads that go first. */
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
    if (made === true) await measuredAnew();
    return made;
  }

  /** By a measurement that begins after the call, or after a while without: what is under way may count still what was removed. */
  async function measuredAnew(): Promise<void> {
    if (quotaBytes === undefined) return;
    nextMeasurement ??= measurement.then(() => {
      nextMeasurement = undefined;
      measurement = measureUsed().catch(() => {});
      return measurement;
    });
    await Promise.race([nextMeasurement, sleep(measurePatienceMs, undefined, { ref: false })]);
  }

  /** Whether there would be room if nothing of what may count twice did. */
  function isDoubtful(lackingBytes: number): boolean {
    return quotaBytes !== undefined && used.current() - used.atLeast() >= lackingBytes;
  }

  function refuse({ sentence, lackingBytes }: Shortage, ahead: number, made: RoomMade | undefined): never {
    const counting = ahead > 0 ? `, counting ${ahead} bytes that uploads under way have still to write` : '';
    const whyNot =
      made === false && lackingBytes !== undefined
        ? `. Everything on the volume is leased (LEASE_SECONDS): what was used too recently is not removed${pinsText(pins)}`
        : '';
    const message = sentence + counting + whyNot;
    observer.refusedForSpace(message);
    throw new CacheError('resource-exhausted', message);
  }

  /** Uploads that stopped may be begun anew; one that is refused may not come again. */
  function gaveUpKept(lackingBytes: number): Promise<boolean> {
    givingUp ??= discardKept(lackingBytes)
      .catch(() => false)
      .finally(() => (givingUp = undefined));
    return givingUp;
  }

  async function discardKept(lackingBytes: number): Promise<boolean> {
    const begun = performance.now();
    const { files, bytes } = await discardKeptUploads(layout, lackingBytes);
    if (files === 0) return false;
    used.shifted({ transit: -bytes });
    freed(bytes, performance.now() - begun);
    await measuredAnew();
    return true;
  }

  function freed(bytes: number, tookMs: number): void {
    ledger.freed(bytes, tookMs);
    measuredAt = -Infinity;
  }

  /** What stands against it, and what uploads that go first have still to write. */
  function lookFor({ bytes, restBytes, claim }: Wanted): { shortage: Shortage | undefined; ahead: number } {
    const beside = (ahead: number) => ({
      shortage: shortageOf(bytes, ahead + ledger.bookedByOthers(ahead + bytes)),
      ahead,
    });
    // Where there is room for all, nobody has to know who goes first.
    const all = beside(claims.others(claim));
    return all.shortage === undefined || all.ahead === 0 ? all : beside(claims.before(restBytes, claim));
  }

  /** Resolves when there is room; `admitted` then says in the same turn whether it was taken, or may be now. */
  async function whenRoom(
    wanted: Wanted,
    admitted: (needed: number) => Promise<void> | undefined,
  ): Promise<void> {
    const { bytes } = wanted;
    if (quotaBytes !== undefined) await firstMeasured;
    let asks = 0;
    let hasMeasured = false;
    let waitsUntil: number | undefined;
    for (;;) {
      await usage();
      await ledger.lookIfOld();
      const { shortage, ahead } = lookFor(wanted);
      if (shortage === undefined) {
        const toBook = admitted(ahead + bytes);
        if (toBook === undefined) return;
        await toBook;
        continue;
      }
      const { lackingBytes } = shortage;
      if (lackingBytes === undefined) refuse(shortage, 0, undefined);
      if (!hasMeasured && isDoubtful(lackingBytes)) {
        hasMeasured = true;
        await measuredAnew();
        continue;
      }
      // What uploads here have claimed they will write: only what other servers have booked comes back by itself.
      const onlyBooked = shortageOf(bytes, ahead) === undefined;
      let made: RoomMade | undefined;
      const hasWaited = waitsUntil !== undefined && performance.now() >= waitsUntil;
      if (!onlyBooked || hasWaited) {
        if (asks++ < mostAsks) made = await madeRoom(lackingBytes);
        if (made === true || (await gaveUpKept(lackingBytes))) continue;
      }
      // Those that go first may fail, or stand still.
      if (hasWaited || shortageOf(bytes, 0) !== undefined) refuse(shortage, ahead, made);
      waitsUntil ??= performance.now() + patienceMs;
      await sleep(waitMs);
      await ledger.look();
    }
  }

  function take(wanted: Wanted, bytes: number, newFiles: number, taken = () => {}): Promise<void> {
    return whenRoom(wanted, (needed) => {
      const toBook = ledger.take(bytes, newFiles, needed, leftBytes());
      if (toBook === undefined) taken();
      return toBook;
    });
  }

  return {
    expectRoomFor: (bytes) => whenRoom(just(bytes), () => undefined),
    take: (bytes, newFiles) => take(just(bytes), bytes, newFiles),
    beginUpload: (announcedBytes) => beginUploadRoom({ claims, ledger, take }, announcedBytes),
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
    freed,
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
