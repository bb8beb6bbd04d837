import { statfs } from 'node:fs/promises';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { BlobName } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { type UsedBytes, usedBytes } from './used-bytes.ts';
import { volumeError } from './volume-error.ts';

/** What the volume's file system says of itself. Bytes; a total of 0 means that it does not say. */
export interface VolumeUsage {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/** Makes room for so many bytes, if it can; false when it could not make any. */
export type RoomMaker = (bytes: number) => Promise<boolean>;

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
  /** Something was removed: what was measured before says nothing any more. */
  freed(bytes: number): void;
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

/** Why something does not fit. */
interface Shortage {
  readonly sentence: string;
  /** Bytes to be freed before it would; undefined when nothing that could be freed would help. */
  readonly lackingBytes: number | undefined;
}

/** Uploads are refused below: folders, references and temporary files need inodes too. */
export function inodesKeptFree(totalInodes: number): number {
  return Math.min(1000, totalInodes / 10);
}

/** Space by what statfs says, with the bytes written since the last look counted on top, and by the quota. */
export async function measuredSpace(
  root: string,
  limits: SpaceLimits,
  clock: Clock,
  observer: Observer,
): Promise<Space> {
  const used = usedBytes((await statfs(root)).bsize);
  let measured: VolumeUsage = { totalBytes: 0, freeBytes: 0, totalInodes: 0, freeInodes: 0 };
  let measuredAt = -Infinity;
  let takenSince = 0;
  let filesSince = 0;
  let measuring: Promise<void> | undefined;
  let makeRoom: RoomMaker = () => Promise.resolve(false);

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

  function shortOfQuota(bytes: number): Shortage | undefined {
    const { quotaBytes } = limits;
    if (quotaBytes === undefined) return undefined;
    const left = quotaBytes - used.current();
    if (bytes <= left) return undefined;
    if (bytes > quotaBytes) {
      const sentence = `a blob of ${bytes} bytes can never fit: the quota is ${quotaBytes} bytes (QUOTA)`;
      return { sentence, lackingBytes: undefined };
    }
    const sentence = `no room for ${bytes} bytes: ${Math.round(quotaBytes - left)} of the ${quotaBytes} bytes of the quota are used (QUOTA)`;
    return { sentence, lackingBytes: bytes - left };
  }

  function shortOfDisk(bytes: number, now: VolumeUsage): Shortage | undefined {
    const { totalBytes, freeBytes, totalInodes, freeInodes } = now;
    if (totalBytes === 0) return undefined;
    const { min } = headRoom(totalBytes);
    if (bytes > totalBytes - min) {
      const sentence = `a blob of ${bytes} bytes can never fit: the volume has ${totalBytes} bytes, of which ${Math.round(min)} stay free`;
      return { sentence, lackingBytes: undefined };
    }
    const left = freeBytes - takenSince - min;
    if (bytes > left) {
      const sentence = `no room for ${bytes} bytes: the volume has ${freeBytes} of ${totalBytes} bytes free, of which ${Math.round(min)} stay free (HEAD_ROOM_MIN)`;
      return { sentence, lackingBytes: bytes - left };
    }
    if (totalInodes > 0 && freeInodes - filesSince < inodesKeptFree(totalInodes)) {
      const sentence = `no room for another file: the volume has ${freeInodes} of ${totalInodes} inodes free`;
      return { sentence, lackingBytes: 0 };
    }
    return undefined;
  }

  async function expectRoomFor(bytes: number): Promise<void> {
    for (let asks = 0; ; asks++) {
      const shortage = shortOfDisk(bytes, await usage()) ?? shortOfQuota(bytes);
      if (shortage === undefined) return;
      const { sentence, lackingBytes } = shortage;
      const made = lackingBytes !== undefined && asks < mostAsks && (await makeRoom(lackingBytes));
      if (!made) {
        observer.refusedForSpace(sentence);
        throw new CacheError('resource-exhausted', sentence);
      }
    }
  }

  return {
    expectRoomFor,
    async take(bytes, newFiles) {
      await expectRoomFor(bytes);
      takenSince += bytes;
      filesSince += newFiles;
      used.taken(bytes);
    },
    settle: (bytes, blob) => used.settled(bytes, blob),
    usage,
    headRoom,
    quotaBytes: limits.quotaBytes,
    used,
    askForRoom: (maker) => void (makeRoom = maker),
    freed(bytes) {
      used.freed(bytes);
      measuredAt = -Infinity;
    },
  };
}
