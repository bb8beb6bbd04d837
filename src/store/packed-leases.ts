import type { Stats } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { blobName, isEmptyBlob } from '../core/digest.ts';
import { distinctRows } from '../core/distinct-rows.ts';
import type { PackedDigests } from '../core/packed-digests.ts';
import type { LeaseParts } from './file-time-leases.ts';
import { listedFolders } from './listed-folders.ts';
import { type FoundBlobs, type Leases, lookupsAtOnce, manyLookups, usedAtMs } from './leases.ts';
import { volumeError } from './volume-error.ts';

/** One moment, by two clocks. */
export interface Moment {
  /** LeaseMemory.now() */
  readonly remembered: number;
  /** By the clock of the volume. */
  readonly wall: number;
}

/** What it needs of the leases that it is a part of. */
export interface LeasedSingly extends Pick<Leases, 'touchAll'> {
  /** By which the time is told that something takes. */
  readonly elapsed: Clock;
  momentNow(): Moment;
  /** For how long a file with these times need not be touched again, at that time by the clock of the volume. Milliseconds. */
  restAt(stats: Stats, wall: number): number;
  /** Sets the times of a file; undefined where it is gone. */
  renew(path: string, expectedSize: number): Promise<Stats | undefined>;
}

/**
 * Leases of many blobs without an object for each: those that are where they should be, sound and young, and those that are nowhere, which are
 * nearly all that anybody asks for. All others go the way of single ones.
 */
export function packedLeases(
  { calls, layout, coalesceMs, graceMs, memory, seen }: LeaseParts,
  singly: LeasedSingly,
): Leases['leasePacked'] {
  const folders = listedFolders(calls, layout);

  async function leasePacked(digests: PackedDigests, signal?: AbortSignal): Promise<FoundBlobs> {
    const generation = memory.generation();
    const { unknown, renewed } = memory.renewPacked(digests);
    // One look for each call: where somebody has removed all blobs, it shows at once.
    if (unknown.length === 0)
      await singly.touchAll([digests.digest(Math.floor(Math.random() * digests.length))], signal);
    const sought = distinctRows(digests, unknown);
    const asked = renewed + sought.length;
    const missing = await absentOf(digests, sought, signal);
    if (memory.generation() === generation) return { asked, missing };
    const all = distinctRows(digests, [...Array(digests.length).keys()]);
    return { asked, missing: await absentOf(digests, all, signal) };
  }

  async function absentOf(
    digests: PackedDigests,
    rows: readonly number[],
    signal?: AbortSignal,
  ): Promise<number[]> {
    try {
      const { nowhere, others } = await partedByFolders(digests, rows);
      const absent = [...nowhere];
      for (let start = 0; start < others.length; start += lookupsAtOnce) {
        signal?.throwIfAborted();
        const piece = others.slice(start, start + lookupsAtOnce);
        for (const row of await absentOfPiece(digests, piece, signal)) absent.push(row);
      }
      return nowhere.length === 0 || others.length === 0 ? absent : absent.sort((a, b) => a - b);
    } catch (error) {
      throw volumeError(error, 'looking for blobs');
    }
  }

  /** Rows whose folders say that they are nowhere, and all others. */
  async function partedByFolders(
    digests: PackedDigests,
    rows: readonly number[],
  ): Promise<{ nowhere: readonly number[]; others: readonly number[] }> {
    if (rows.length < manyLookups || !folders.mayTell(digests)) return { nowhere: [], others: rows };
    const looksAtTrash = await trashLooks();
    const { absent, others } = await folders.parted(digests, rows);
    if (absent.length === 0 || !(await looksAtTrash.areNowhere())) return { nowhere: [], others: rows };
    const nowhere = absent.filter((row) => isKnownNowhere(digests, row));
    if (nowhere.length === absent.length) return { nowhere, others };
    const isNowhere = new Set(nowhere);
    return { nowhere, others: rows.filter((row) => !isNowhere.has(row)) };
  }

  async function absentOfPiece(
    digests: PackedDigests,
    rows: readonly number[],
    signal?: AbortSignal,
  ): Promise<number[]> {
    const { digestFunction, sizes } = digests;
    const path = (row: number) => layout.blob(blobName({ digestFunction, hash: digests.hash(row) }));
    const trash = rows.length >= manyLookups ? await trashLooks() : undefined;
    const absent: number[] = [];
    const old: number[] = [];
    const others: number[] = [];
    const promise = (row: number, stats: Stats | undefined, { wall, remembered }: Moment) => {
      if (stats === undefined || stats.size !== sizes[row] || wasWrong(digests, row, stats)) others.push(row);
      else memory.promisedPacked(digests, row, singly.restAt(stats, wall), remembered);
    };
    const found = await calls.statAll(rows.map(path));
    // After all the looks: files seem older by it, not younger.
    const moment = singly.momentNow();
    for (let at = 0; at < rows.length; at++) {
      const [row, stats] = [rows[at] ?? 0, found[at]];
      if (stats === undefined) absent.push(row);
      else if (stats.size === sizes[row] && moment.wall - usedAtMs(stats) >= coalesceMs) old.push(row);
      else promise(row, stats, moment);
    }
    await Promise.all(
      old.map(async (row) => {
        const stats = await singly.renew(path(row), sizes[row] ?? 0);
        promise(row, stats, singly.momentNow());
      }),
    );
    folders.soughtForNothing(digests, absent);
    const isNowhere = absent.length > 0 && (await trash?.areNowhere()) === true;
    const nowhere = absent.filter((row) => {
      const isKnown = isNowhere && isKnownNowhere(digests, row);
      if (!isKnown) others.push(row);
      return isKnown;
    });
    if (others.length === 0) return nowhere;
    const singles = await singly.touchAll(
      others.map((row) => digests.digest(row)),
      signal,
    );
    return [...nowhere, ...others.filter((_, at) => singles[at] === undefined)].sort((a, b) => a - b);
  }

  /** Begins to look for files in their places. */
  async function trashLooks(): Promise<{ areNowhere(): Promise<boolean> }> {
    const begun = singly.elapsed();
    const wasEmpty = await isTrashEmpty();
    return {
      // A file that was in the trash when we looked in its place has come there after our first look at the trash and
      // gone from there before our second one. No run rests so short: what we have not found is nowhere.
      areNowhere: async () => wasEmpty && (await isTrashEmpty()) && singly.elapsed() - begun < graceMs / 2,
    };
  }

  /** Whether nothing is left to be done when it is nowhere. */
  function isKnownNowhere(digests: PackedDigests, row: number): boolean {
    return !memory.isBrokenPacked(digests, row) && !isEmpty(digests, row);
  }

  async function isTrashEmpty(): Promise<boolean> {
    return (await calls.names(layout.trash)).length === 0;
  }

  function wasWrong(digests: PackedDigests, row: number, stats: Stats): boolean {
    const { digestFunction } = digests;
    return seen.wereWrong(blobName({ digestFunction, hash: digests.hash(row) }), stats);
  }

  /** It is made where it is missing. */
  function isEmpty(digests: PackedDigests, row: number): boolean {
    return digests.sizes[row] === 0 && isEmptyBlob(digests.digest(row));
  }

  return leasePacked;
}
