// What the calls of a sequence are. Made before they are sent: hashing must not slow the sender down.
import { randomBytes } from 'node:crypto';
import { type Blob, blobOf } from '../../test/support/wire.ts';
import { largeBlob, largeText } from './large-blobs.ts';
import { writeOf, zstdWriteOf } from './large-writes.ts';
import { drawn, type NumberedBlobs } from './numbered-blobs.ts';
import type { PreparedCall } from './prepared-call.ts';
import { batchReadOf, batchUpdateOf, findMissingOf, updateActionResultOf } from './small-blob-calls.ts';

export const batchOfBlobs = { count: 500, bytes: 1024 };
/** As many as BuildStream 1 asks for at most. */
const askedFor = 512;

/**
 * Makes the calls of one sequence: with content that no server has seen, or about blobs that the server has, which are
 * others for each index.
 */
export const makeSequence = {
  'batch-update': () => [batchUpdateOf(newBlobs())],
  'batch-update-named': () => {
    const blobs = newBlobs();
    return [batchUpdateOf(blobs), updateActionResultOf(blobs)];
  },
  'batch-read': (index, stored) => [batchReadOf(drawn(stored, index, batchOfBlobs.count))],
  'find-missing': (index, stored) => [findMissingOf(drawn(stored, index, askedFor))],
  write: () => [writeOf(largeBlob())],
  'write-zstd': () => [zstdWriteOf(largeText())],
} satisfies Record<string, (index: number, stored: NumberedBlobs) => PreparedCall[]>;

export type SequenceName = keyof typeof makeSequence;

function newBlobs(): Blob[] {
  return Array.from({ length: batchOfBlobs.count }, () => blobOf(randomBytes(batchOfBlobs.bytes)));
}
