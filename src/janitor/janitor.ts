import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Logger, Observer } from '../core/observer.ts';
import { janitorLock } from '../store/janitor-lock.ts';
import type { RoomMaker } from '../store/space.ts';
import type { TemporaryAges } from '../store/temporary-files.ts';
import type { Volume } from '../store/volume.ts';
import { startEvictor } from './evictor.ts';
import { startHousekeeping } from './housekeeping.ts';
import type { JanitorThread } from './janitor-thread.ts';
import { leaseAges, type LeaseTimes } from './lease-ages.ts';
import { keepLock } from './lock-keeper.ts';
import { startPinKeeper } from './pin-keeper.ts';
import { startRecordTidying } from './record-tidying.ts';

/** What removes things from a volume: one on each server where somebody may push, of which one works. */
export interface Janitor {
  /** Makes room for so many bytes, also while the janitor of another server works. */
  makeRoom: RoomMaker;
  /** Lets the janitor of another server work; room for uploads is made still. */
  yield(): Promise<void>;
  /** Resolves when nothing of it is under way, which takes the end of what the thread does: stop that meanwhile. */
  stop(): Promise<void>;
}

/** What a janitor stands on. */
export interface JanitorParts {
  readonly volume: Volume;
  readonly lease: LeaseTimes;
  readonly temporaryAges: TemporaryAges;
  /** Bytes of the ballast; undefined: as many as fit the volume. */
  readonly ballastBytes: number | undefined;
  /** Blobs are elsewhere: records without them are as they should be. */
  readonly indexOnly: boolean;
  readonly thread: JanitorThread;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
}

/** Of a piece of work that hangs with the volume, nobody waits for the end. Milliseconds. */
const stopPatienceMs = 5000;

/** Begins to wait for the lock, and to make room for whoever asks for it. */
export function startJanitor(parts: JanitorParts): Janitor {
  const { volume, observer, logger } = parts;
  const keeper = keepLock(janitorLock(volume.layout), () => !volume.clock.isOff(), observer, logger);
  const all = { ...parts, ages: leaseAges(parts.lease), mayWork: () => keeper.mayWork() };
  const evictor = startEvictor(all);
  const works = [
    evictor,
    startHousekeeping(all),
    startPinKeeper(all),
    ...(parts.indexOnly ? [] : [startRecordTidying(all)]),
  ];
  return {
    makeRoom: (bytes) => evictor.makeRoom(bytes),
    yield: () => keeper.stop(),
    async stop() {
      const patience = sleep(stopPatienceMs, undefined, { ref: false });
      await Promise.race([Promise.all(works.map((work) => work.stop())), patience]);
    },
  };
}
