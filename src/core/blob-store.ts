import type { Answer } from './answer.ts';
import type { BlobName, Digest } from './digest.ts';
import type { PackedDigests } from './packed-digests.ts';

/** Why a blob is doubted: its size on disk is not the one asked for, or its bytes do not give its hash. */
export type Doubt = 'wrong-size' | 'wrong-bytes' | 'unreadable';

/** Blobs by digest. Every positive answer leases the blob: it stays readable for the lease time. */
export interface BlobStore {
  /**
   * Those of the digests that are not here, each once, in the order of their first mention. All
   * others are leased when the promise resolves. A blob of another size than asked for is missing;
   * nothing is ever removed by asking.
   */
  findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]>;

  /** The same for many as a request has them, at least one: indices of what is missing, and how many were asked for, each counted once. */
  findMissingPacked(
    digests: PackedDigests,
    signal?: AbortSignal,
  ): Promise<{ readonly asked: number; readonly missing: readonly number[] }>;

  /**
   * The whole blob, its bytes verified against the hash. For blobs that fit in memory.
   * Rejects with 'not-found' when it is absent, of another size or damaged.
   */
  readWhole(digest: Digest): Promise<Uint8Array>;

  /** The same, without a promise for bytes that can be had without waiting for anything. Does not throw: what fails rejects. */
  readPromptly(digest: Digest): Answer<Uint8Array>;

  /** The same for each of many, in their order. */
  readAllAtOnce(digests: PackedDigests): (Uint8Array | undefined)[];

  /**
   * Bytes [offset, offset + length) in chunks; 0 <= offset <= size, length >= 0.
   * Resolves once the blob is known to be here, so that an absent one fails before the first byte.
   * The last bytes of a blob that fails its verification are never given: the iteration then
   * rejects with 'not-found'. The file is closed when the iteration ends, however it ends; a caller
   * that does not iterate calls close().
   */
  read(digest: Digest, offset: number, length: number): Promise<BlobReading>;

  /**
   * Stores a small blob. Resolves when it is whole, verified and visible; leased.
   * Rejects with 'digest-mismatch' or 'resource-exhausted', leaving nothing behind.
   */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;

  /**
   * Begins or goes on with an upload. `name` tells uploads of one blob apart; `offset` is where the
   * caller goes on: 0 starts anew, anything else must be what committedSize(name) says.
   * Rejects with 'failed-precondition' for another offset and 'resource-exhausted' for want of room.
   */
  openUpload(name: string, digest: Digest, offset: number): Promise<Upload>;

  /** How many bytes of an upload that was left unfinished are kept; 0 for an unknown name. */
  committedSize(name: string): Promise<number>;

  /** The blob of this name with the size that it has here, leased; its bytes are not looked at. Undefined when it is absent. */
  find(name: BlobName): Promise<Digest | undefined>;

  /** Resolves when the bytes are known to be right, by looking at them if need be. Rejects as read() does. */
  verify(digest: Digest): Promise<void>;

  /**
   * Whether an upload of it would add nothing: it is here, leased, and its bytes are right, which is looked at if
   * need be. Whoever sends a blob may be the one who can heal it. Rejects as read() does when nobody can tell.
   */
  has(digest: Digest): Promise<boolean>;

  /**
   * Where a server that has the volume mounted may read the blob for itself: a path below the volume's root.
   * Only for a large blob whose bytes are known to be right already, in a file that everybody may read;
   * undefined for all others, which read() gives. The blob is leased.
   */
  fileFor(digest: Digest): Promise<string | undefined>;
}

/** Part of a blob on its way out, in chunks with room before them (roomyChunk). */
export interface BlobReading extends AsyncIterable<Uint8Array> {
  /**
   * The same chunks, for who needs none of them any more when asking for the one after the next: its bytes become another then, and
   * memory that was used already is the fastest there is.
   */
  reusing(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A blob on its way in. Exactly one of finish() and leave() ends it. */
export interface Upload {
  /** Bytes taken so far, those of earlier attempts included. */
  readonly receivedBytes: number;

  /** Rejects with 'digest-mismatch' as soon as there are more bytes than announced. */
  write(chunk: Uint8Array): Promise<void>;

  /** Verifies and publishes: visible, whole and leased when it resolves. Rejects with 'digest-mismatch' and leaves nothing. */
  finish(): Promise<void>;

  /**
   * Gives up for now. What has been received is kept under the upload's name for a while, if
   * `resumable` and worth it; resolves with how many bytes that is.
   */
  leave(resumable: boolean): Promise<number>;
}
