import { statfs } from 'node:fs/promises';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { volumeError } from './volume-error.ts';

/** What the volume's file system says of itself. Bytes; a total of 0 means that it does not say. */
export interface VolumeUsage {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/** Keeps uploads from filling the volume: they are refused while there is still room for everything else. */
export interface Space {
  /** Rejects with 'resource-exhausted' when so many bytes would not fit now. Reserves nothing: a size is only a claim. */
  expectRoomFor(bytes: number): Promise<void>;
  /** Before bytes are written: takes them, and new files, from what is left, or rejects with 'resource-exhausted'. */
  take(bytes: number, newFiles: number): Promise<void>;
  /** As measured at most `measureEveryMs` ago. */
  usage(): Promise<VolumeUsage>;
  /** Free bytes below which uploads are refused, and free bytes that eviction makes. */
  headRoom(totalBytes: number): { min: number; max: number };
}

/** Settings of a Space. */
export interface SpaceLimits {
  /** Bytes that stay free on the volume; undefined: 2 GB, or a tenth of a volume smaller than 20 GB. */
  readonly headRoomMin: number | undefined;
  /** Bytes that eviction makes free; undefined: 10 GB, or a fifth of a volume smaller than 50 GB. */
  readonly headRoomMax: number | undefined;
}

const measureEveryMs = 1000;
const defaultHeadRoom = { min: 2e9, max: 10e9 };
/** Folders, references and temporary files need inodes too. */
const inodesKeptFree = 1000;

/** Space by what statfs says, with the bytes written since the last look counted on top. */
export function measuredSpace(root: string, limits: SpaceLimits, clock: Clock, observer: Observer): Space {
  let measured: VolumeUsage = { totalBytes: 0, freeBytes: 0, totalInodes: 0, freeInodes: 0 };
  let measuredAt = -Infinity;
  let takenSince = 0;
  let filesSince = 0;
  let measuring: Promise<void> | undefined;

  async function measure(): Promise<void> {
    const before = { bytes: takenSince, files: filesSince };
    const { blocks, bavail, bsize, files, ffree } = await statfs(root);
    measured = {
      totalBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      totalInodes: files,
      freeInodes: ffree,
    };
    measuredAt = clock();
    // What was taken while the call ran may or may not be in its answer: count it once more.
    takenSince -= before.bytes;
    filesSince -= before.files;
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

  async function expectRoomFor(bytes: number): Promise<void> {
    const { totalBytes, freeBytes, totalInodes, freeInodes } = await usage();
    if (totalBytes === 0) return;
    const { min } = headRoom(totalBytes);
    if (bytes > totalBytes - min) {
      throw refuse(
        `a blob of ${bytes} bytes can never fit: the volume has ${totalBytes} bytes, of which ${Math.round(min)} stay free`,
      );
    }
    const left = freeBytes - takenSince - min;
    if (bytes > left) {
      throw refuse(
        `no room for ${bytes} bytes: the volume has ${freeBytes} of ${totalBytes} bytes free, of which ${Math.round(min)} stay free (HEAD_ROOM_MIN)`,
      );
    }
    if (totalInodes > 0 && freeInodes - filesSince < Math.min(inodesKeptFree, totalInodes / 10)) {
      throw refuse(`no room for another file: the volume has ${freeInodes} of ${totalInodes} inodes free`);
    }
  }

  function refuse(message: string): CacheError {
    observer.refusedForSpace(message);
    return new CacheError('resource-exhausted', message);
  }

  return {
    expectRoomFor,
    async take(bytes, newFiles) {
      await expectRoomFor(bytes);
      takenSince += bytes;
      filesSince += newFiles;
    },
    usage,
    headRoom,
  };
}
