import type { BlobName } from '../core/digest.ts';

/**
 * Hears what becomes of files that are evicted, a file at a time and in the order in which it happens. Bytes on disk;
 * no blob where it is a record.
 */
export interface RemovalWatcher {
  /** Whether it has to go. */
  looked(): void;
  /** From its place into the trash. */
  moved(blob: BlobName | undefined, bytes: number): void;
  /** From the trash to its place, since it was touched meanwhile. */
  returned(blob: BlobName | undefined, bytes: number): void;
  /** Out of the trash for good. */
  removed(bytes: number): void;
}

/** For those whom it does not concern. */
export const nobody: RemovalWatcher = {
  looked: () => {},
  moved: () => {},
  returned: () => {},
  removed: () => {},
};
