import type { Digest } from './digest.ts';
import type { DigestFunction } from './digest-function.ts';

/** Takes in blobs whose digest nobody knows before the last of their bytes has come. */
export interface BlobIntakes {
  /**
   * `expectedBytes` is what the source announces, undefined where it does not.
   * Rejects with 'resource-exhausted' when so many would not fit.
   */
  begin(digestFunction: DigestFunction, expectedBytes: number | undefined): Promise<BlobIntake>;
}

/** A blob on its way in. Calls follow one another; abandon() ends it, whatever came before. */
export interface BlobIntake {
  /** Rejects with 'resource-exhausted' when the volume has no room for more. */
  write(chunk: Uint8Array): Promise<void>;

  /** Takes no more bytes and says what they are. Nothing is visible yet. */
  seal(): Promise<Digest>;

  /** After seal(): the blob is visible, whole and leased when it resolves. */
  publish(): Promise<void>;

  /** Leaves nothing of what was not published. Never rejects. */
  abandon(): Promise<void>;
}
