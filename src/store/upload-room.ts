import type { Claim, Claims } from './claims.ts';
import type { UploadRoom } from './space.ts';
import type { UsageLedger } from './usage-ledger.ts';

/** What somebody asks room for. */
export interface Wanted {
  readonly bytes: number;
  /** Uploads that have less to write go first. */
  readonly restBytes: number;
  /** Of the upload that asks, when it has one. */
  readonly claim: Claim | undefined;
}

/** What is written at once, or is only beginning. */
export function just(bytes: number): Wanted {
  return { bytes, restBytes: bytes, claim: undefined };
}

/** What an upload's room is part of. */
export interface RoomSite {
  readonly claims: Claims;
  readonly ledger: UsageLedger;
  /** Takes bytes and new files when there is room for what is wanted; `taken` hears of it in the same turn. */
  readonly take: (wanted: Wanted, bytes: number, newFiles: number, taken: () => void) => Promise<void>;
}

/** Resolves when there is room for an upload, as Space.beginUpload says. */
export async function beginUploadRoom(
  { claims, ledger, take }: RoomSite,
  announcedBytes: number | undefined,
): Promise<UploadRoom> {
  let claim: Claim | undefined;
  let takenBytes = 0;
  await take(just(announcedBytes ?? 0), 0, 1, () => {
    if (announcedBytes !== undefined) claim = claims.begin(announcedBytes);
  });

  function end(): number {
    if (claim !== undefined) claims.end(claim);
    const bytes = takenBytes;
    takenBytes = 0;
    return bytes;
  }

  return {
    async take(bytes) {
      // Nobody knows how much is left of one that has announced nothing: it goes last.
      const restBytes = claim === undefined ? Infinity : Math.max(claim.restBytes, bytes);
      await take({ bytes, restBytes, claim }, bytes, 0, () => {
        if (claim !== undefined) claims.wrote(claim, bytes);
        takenBytes += bytes;
      });
    },
    settle: (blob) => ledger.settle(end(), blob),
    // What was taken goes on to count as on its way, until it is measured with all other temporary files.
    keep: () => void end(),
  };
}
