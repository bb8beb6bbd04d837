import type { BlobName } from '../core/digest.ts';
import type { PinCounts } from '../core/observer.ts';
import type { CacheError } from '../core/cache-error.ts';
import type { VolumeUsage } from './shortage.ts';
import type { Measuring, Shift, UsedBytes } from './used-bytes.ts';

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
   * Rejects with 'resource-exhausted' when so many bytes do not fit beside what uploads under way have still to write,
   * and no room can be made for them. Takes nothing.
   */
  expectRoomFor(bytes: number): Promise<void>;
  /** Before bytes are written: takes them, and new files, from what is left, or rejects as expectRoomFor does. */
  take(bytes: number, newFiles: number): Promise<void>;
  /** Ends what take() began: the bytes are this blob now, or, without one, are gone. */
  settle(bytes: number, blob?: BlobName): void;
  /**
   * Before the first bytes of an upload: rejects as expectRoomFor does. What is announced, if anything is, is kept free
   * from uploads that have more to write, for as long as this one moves on: a size is only a claim.
   */
  beginUpload(announcedBytes: number | undefined): Promise<UploadRoom>;
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

/** What one upload takes of the space. Ends with settle() or keep(); what comes after that does nothing. */
export interface UploadRoom {
  /** Before bytes are written. Rejects as Space.take does. */
  take(bytes: number): Promise<void>;
  /** What was taken is this blob now, or, without one, is gone. */
  settle(blob?: BlobName): void;
  /** What was taken stays, as a temporary file. */
  keep(): void;
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
