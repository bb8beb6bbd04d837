import type { Stats } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import {
  type BlobName,
  blobName,
  blobNameParts,
  type Digest,
  digestOf,
  emptyDigest,
  isEmptyBlob,
} from '../core/digest.ts';
import { elapsedClock } from '../core/elapsed.ts';
import type { Observer } from '../core/observer.ts';
import { type Answer, following } from '../core/answer.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { LeaseMemory } from './lease-memory.ts';
import { type Leases, lookupsAtOnce, manyLookups, usedAtMs } from './leases.ts';
import { type Moment, packedLeases } from './packed-leases.ts';
import { publishEmptyBlob } from './publish.ts';
import type { SeenBytes } from './seen-bytes.ts';
import { bringBack, foundOrNowhere } from './trash.ts';
import { errnoOf, volumeError } from './volume-error.ts';

/** How often a file may vanish and come back under our hands before we call it absent. */
const maxAttempts = 4;
/** What leases stand on. */
export interface LeaseParts {
  readonly calls: FileCalls;
  readonly layout: Layout;
  /** A file younger than this is not written to again; its lease has that much slack. Milliseconds. */
  readonly coalesceMs: number;
  /** What comes into the trash rests there for so long at least, whoever evicts it; 0 where nobody knows. Milliseconds. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly observer: Pick<Observer, 'doubted' | 'promiseBroken'>;
  readonly memory: LeaseMemory;
  /** A blob whose bytes were wrong is absent from then on: an upload replaces its file, and nothing has to be moved for that. */
  readonly seen: Pick<SeenBytes, 'wereWrong'>;
}

export function fileTimeLeases(parts: LeaseParts): Leases {
  const { calls, layout, coalesceMs, graceMs, clock, observer, memory, seen } = parts;
  const elapsed = elapsedClock(clock, () => performance.now());
  const ageOf = (stats: Stats) => clock() - usedAtMs(stats);
  const restAt = (stats: Stats, now: number) =>
    Math.max(0, Math.min(coalesceMs, coalesceMs - (now - usedAtMs(stats))));
  const restMs = (stats: Stats) => restAt(stats, clock());

  function touchFile(path: string, expectedSize?: number, youngMs = coalesceMs): Answer<Stats | undefined> {
    const isAnswer = answers(expectedSize, youngMs);
    return following(calls.stat(path), (stats) => (isAnswer(stats) ? stats : renew(path, isAnswer)));
  }

  /** Whether there is nothing to renew: what it says of a file is the answer. */
  function answers(expectedSize: number | undefined, youngMs: number): (stats: Stats | undefined) => boolean {
    return (stats) =>
      stats === undefined ||
      (expectedSize !== undefined && stats.size !== expectedSize) ||
      ageOf(stats) < youngMs;
  }

  async function renew(
    path: string,
    isAnswer: (stats: Stats | undefined) => boolean,
  ): Promise<Stats | undefined> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      // utimes can succeed on a file that was renamed to the trash and removed while it ran. Only a
      // look at the name afterwards shows that the blob is still where readers find it.
      const after = (await calls.refresh(path, clock())) ? await calls.stat(path) : undefined;
      if (after !== undefined) return after;
      const again = await calls.stat(path);
      if (isAnswer(again)) return again;
    }
    return undefined;
  }

  async function touchAll(
    digests: readonly Digest[],
    signal?: AbortSignal,
    early = false,
  ): Promise<(Stats | undefined)[]> {
    const youngMs = early ? coalesceMs / 2 : coalesceMs;
    const found: (Stats | undefined)[] = [];
    try {
      for (let start = 0; start < digests.length; start += lookupsAtOnce) {
        signal?.throwIfAborted();
        found.push(...(await lookUp(digests.slice(start, start + lookupsAtOnce), youngMs)));
      }
      const moment = momentNow();
      // Pairs of entries() are objects until all of this is compiled.
      for (let index = 0; index < digests.length; index++) {
        const digest = digests[index];
        if (digest !== undefined) found[index] = promisedBy(digest, found[index], moment);
      }
      if (!found.includes(undefined)) return found;
      for (const [index, digest] of digests.entries())
        if (found[index] === undefined && memory.isBroken(digest)) await notFound(digest);
    } catch (error) {
      throw volumeError(error, 'looking for blobs');
    }
    return found;
  }

  /** The same stats where they are those of a sound file, which is promised then. */
  function promisedBy(digest: Digest, found: Stats | undefined, moment = momentNow()): Stats | undefined {
    const stats = unlessWrong(blobName(digest), ofRightSize(digest, found));
    if (stats !== undefined) notePromised(digest, stats, moment);
    return stats;
  }

  /** In this order: what rests from then on does not do so for longer than its file's times say. */
  function momentNow(): Moment {
    return { remembered: memory.now(), wall: clock() };
  }

  function notePromised(digest: Digest, stats: Stats, { remembered, wall }: Moment): void {
    memory.promised(digest, restAt(stats, wall), remembered);
  }

  async function touch(digest: Digest): Promise<Stats | undefined> {
    return (await touchAll([digest]))[0];
  }

  async function touchInPlace(digest: Digest): Promise<Stats | undefined> {
    // Where it has to be, an absence is looked into.
    if (memory.isBroken(digest)) return await touch(digest);
    try {
      return promisedBy(digest, await touchFile(layout.blob(blobName(digest)), digest.sizeBytes));
    } catch (error) {
      throw volumeError(error, 'looking for a blob');
    }
  }

  /** touchFile() for each of them in its place. */
  async function touchInPlaces(digests: readonly Digest[], youngMs: number): Promise<(Stats | undefined)[]> {
    const paths = digests.map((digest) => layout.blob(blobName(digest)));
    const found = await calls.statAll(paths);
    // By one look at the clock after all those at files, which seem older by it rather than younger.
    const now = clock();
    const due: number[] = [];
    for (let index = 0; index < found.length; index++) {
      const stats = found[index];
      if (stats === undefined || stats.size !== digests[index]?.sizeBytes) continue;
      if (now - usedAtMs(stats) >= youngMs) due.push(index);
    }
    if (due.length === 0) return found;
    const renewed = await Promise.all(
      due.map((index) => renew(paths[index] ?? '', answers(digests[index]?.sizeBytes, youngMs))),
    );
    for (const [at, index] of due.entries()) found[index] = renewed[at];
    return found;
  }

  async function lookUp(digests: readonly Digest[], youngMs: number): Promise<(Stats | undefined)[]> {
    const begun = elapsed();
    const isEmpty = digests.length >= manyLookups && (await calls.names(layout.trash)).length === 0;
    const found = await touchInPlaces(digests, youngMs);
    if (!found.includes(undefined)) return found;
    // A file that was in the trash when we looked in its place has come there after our first look at the trash and
    // gone from there before our second one. No run rests so short: what we have not found is nowhere.
    const isNowhere =
      isEmpty && (await calls.names(layout.trash)).length === 0 && elapsed() - begun < graceMs / 2;
    const sought = [...digests.keys()].filter(
      (index) => found[index] === undefined && (!isNowhere || isEmptyBlob(digests[index] ?? emptyDigest)),
    );
    const elsewhere = await touchElsewhere(sought.map((index) => digests[index] ?? emptyDigest));
    for (const [at, index] of sought.entries()) found[index] = elsewhere[at];
    return found;
  }

  /**
   * Looks for what is not in its place: in the trash, and in its place again, whatever the trash had, until two such
   * looks have shown that it is nowhere (foundOrNowhere). `anySize`: takes files of any size.
   */
  async function touchElsewhere(digests: readonly Digest[], anySize = false): Promise<(Stats | undefined)[]> {
    const found: (Stats | undefined)[] = digests.map(() => undefined);
    const look = async () => {
      // One look at the trash serves many.
      const runs = await calls.names(layout.trash);
      for (const [index, digest] of digests.entries()) {
        if (found[index] !== undefined) continue;
        await bringBackOrMake(digest, runs);
        found[index] = await touchFile(layout.blob(blobName(digest)), anySize ? undefined : digest.sizeBytes);
      }
      return found.includes(undefined) ? undefined : found;
    };
    await foundOrNowhere(look, graceMs, elapsed);
    return found;
  }

  /** Nobody of us removes what is promised. Somebody else does, then, and what we remember of other blobs is no better. */
  async function notFound(digest: Digest): Promise<void> {
    if (!memory.isBroken(digest)) return;
    memory.forgetAll();
    const name = blobName(digest);
    // A damaged blob that was set aside has been told of already.
    if ((await calls.stat(layout.quarantined(name))) === undefined) observer.promiseBroken(name);
  }

  async function leaseAll(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const generation = memory.generation();
    const unknown = memory.renewAll(digests);
    // One look for each call: where somebody has removed all blobs, it shows at once.
    if (unknown.length === 0 && digests.length > 0) {
      const some = digests[Math.floor(Math.random() * digests.length)];
      if (some !== undefined) await touchAll([some], signal);
    }
    const absent = await absentOf(unknown, signal);
    return memory.generation() === generation ? absent : await absentOf(digests, signal);
  }

  /** In pieces, so that what was found of many is not held until the last is looked at. */
  async function absentOf(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const absent: Digest[] = [];
    for (let start = 0; start < digests.length; start += lookupsAtOnce) {
      const piece = digests.slice(start, start + lookupsAtOnce);
      const found = await touchAll(piece, signal);
      for (const [index, digest] of piece.entries()) if (found[index] === undefined) absent.push(digest);
    }
    return absent;
  }

  async function bringBackOrMake(digest: Digest, runs: readonly string[]): Promise<void> {
    if (isEmptyBlob(digest)) await makeEmptyBlob(calls, layout, digest);
    else await bringBack(calls, layout, runs, blobName(digest), clock());
  }

  async function touchNamed(name: BlobName): Promise<Stats | undefined> {
    try {
      // Of all sizes, only the empty blob's matters elsewhere.
      const elsewhere = async () => (await touchElsewhere([ofSize(name, 0)], true))[0];
      const stats = unlessWrong(name, (await touchFile(layout.blob(name))) ?? (await elsewhere()));
      if (stats !== undefined) notePromised(ofSize(name, stats.size), stats, momentNow());
      return stats;
    } catch (error) {
      throw volumeError(error, 'looking for a blob');
    }
  }

  function unlessWrong(name: BlobName, stats: Stats | undefined): Stats | undefined {
    return stats !== undefined && seen.wereWrong(name, stats) ? undefined : stats;
  }

  function ofRightSize(digest: Digest, stats: Stats | undefined): Stats | undefined {
    if (stats === undefined || stats.size === digest.sizeBytes) return stats;
    observer.doubted(blobName(digest), 'wrong-size');
    return undefined;
  }

  return {
    touchAll,
    touchFile,
    touchNamed,
    leaseAll,
    leasePacked: packedLeases(parts, {
      touchAll,
      elapsed,
      momentNow,
      restAt,
      renew: (path, expectedSize) => renew(path, answers(expectedSize, coalesceMs)),
    }),
    now: clock,
    restMs,
    notFound,
    touch,
    touchInPlace,
    rests: (digest) => memory.rests(digest),
    restingOf(digests) {
      const now = memory.now();
      return (index) => memory.restsPacked(digests, index, now);
    },
    seenResting(digest, stats) {
      const moment = momentNow();
      if (restAt(stats, moment.wall) > 0) notePromised(digest, stats, moment);
    },
    // The next look finds out for how long it is good.
    stored: (digest) => memory.promised(digest, 0, memory.now()),
    distrust: () => memory.forgetAll(),
  };
}

function ofSize(name: BlobName, sizeBytes: number): Digest {
  const { digestFunction, hash } = blobNameParts(name);
  return digestOf(hash, sizeBytes, digestFunction);
}

/** Not where the volume is read-only. */
async function makeEmptyBlob(calls: FileCalls, layout: Layout, digest: Digest): Promise<void> {
  try {
    await publishEmptyBlob(calls, layout, digest);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
  }
}
