import { CacheError } from '../core/cache-error.ts';

/** Bounds of one walk: far beyond what builds make, near enough to keep a hostile tree from harm. */
export const treeBounds = {
  /** Distinct blobs, directories included. */
  blobs: 1_000_000,
  /** One Directory or Tree message. */
  directoryBytes: 32 * 1024 * 1024,
  /** Entries of one such message. In memory each is an object, however short it is on the wire. */
  directoryEntries: 250_000,
  /** All Directory messages together. */
  totalDirectoryBytes: 512 * 1024 * 1024,
  /** Levels below the root. */
  depth: 4096,
  /** Of work for one check of a tree, in which the time that it waits does not count. */
  seconds: 600,
};

/** What a caller is told that asks for more. */
export function beyond(what: string): CacheError {
  return new CacheError('resource-exhausted', `the tree has ${what}, more than one call may ask for`);
}
