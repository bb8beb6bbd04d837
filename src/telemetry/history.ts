import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import type { Happenings, History, RecentPush } from '../core/status.ts';
import { type HeardReport, withCounts } from './heard.ts';
import { minuteRing } from './minute-ring.ts';
import { recentPush, recentPushes } from './recent-pushes.ts';

/** What a process remembers of itself for the status page: a day by the minute, and the last pushes. In a fixed amount of memory. */
export interface Remembered {
  /** The same observer; what it hears is remembered. */
  readonly observer: Observer;
  history(): History;
  recentPushes(): readonly RecentPush[];
  happenings(): Happenings;
  /** To be told once a minute: what is taken, and what may be. Bytes. */
  measured(usedBytes: number, limitBytes: number): void;
  /** What another process of this server has heard since it told last. */
  heard(report: HeardReport): void;
}

/** Begins to remember what an observer hears. */
export function withHistory(observer: Observer, clock: Clock): Remembered {
  const ring = minuteRing(clock);
  const pushes = recentPushes();
  const noted = notedHappenings(observer, clock);
  const counted = withCounts(noted.observer, {
    add: (series, amount) => ring.add(series, amount),
    pushed: (push) => pushes.note(recentPush(push, clock())),
  });
  return {
    history: () => ring.history(),
    recentPushes: () => pushes.all(),
    happenings: () => noted.happenings(),
    measured(usedBytes, limitBytes) {
      ring.measured('usedBytes', usedBytes);
      ring.measured('limitBytes', limitBytes);
    },
    heard(report) {
      for (const [series, amount] of report.counts) ring.add(series, amount);
      // The oldest first, so that the newest is the first in the end.
      for (const push of report.pushes.toReversed()) pushes.note(push);
      noted.heard(report);
    },
    observer: {
      ...counted,
      evicted(outcome) {
        counted.evicted(outcome);
        ring.add('evictedBytes', outcome.bytes);
      },
    },
  };
}

type Notes = { -readonly [Name in keyof Happenings]: Happenings[Name] };

function notedHappenings(observer: Observer, clock: Clock) {
  const notes: Notes = {
    scrub: undefined,
    holdsJanitorLock: false,
    isEvicting: false,
    lastEviction: undefined,
    evictionAgeMs: undefined,
    incompleteRecords: 0,
    quarantined: 0,
    unreadable: 0,
    brokenPromises: 0,
    refusedUploads: 0,
    lastRefusal: undefined,
  };
  const noting: Observer = {
    ...observer,
    scrubbed(part) {
      observer.scrubbed(part);
      notes.scrub = { progress: part.progress, atMs: clock() };
    },
    janitorLock(held) {
      observer.janitorLock(held);
      notes.holdsJanitorLock = held;
    },
    evictionPass(now) {
      observer.evictionPass(now);
      notes.isEvicting = now === 'began';
      if (now !== 'began') notes.lastEviction = { outcome: now, atMs: clock() };
    },
    evicted(outcome) {
      observer.evicted(outcome);
      if (outcome.blobs > 0) notes.evictionAgeMs = outcome.youngestIdleMs;
    },
    tidiedRecords(part) {
      observer.tidiedRecords(part);
      notes.incompleteRecords = part.waiting;
    },
    doubted(blob, doubt) {
      observer.doubted(blob, doubt);
      if (doubt === 'unreadable') notes.unreadable++;
    },
    quarantined(blob) {
      observer.quarantined(blob);
      notes.quarantined++;
    },
    promiseBroken(blob) {
      observer.promiseBroken(blob);
      notes.brokenPromises++;
    },
    refusedForSpace(message) {
      observer.refusedForSpace(message);
      notes.refusedUploads++;
      notes.lastRefusal = { message, atMs: clock() };
    },
  };
  return {
    observer: noting,
    happenings: (): Happenings => ({ ...notes }),
    heard({ unreadable, brokenPromises, refusedUploads, lastRefusal }: HeardReport) {
      notes.unreadable += unreadable;
      notes.brokenPromises += brokenPromises;
      notes.refusedUploads += refusedUploads;
      notes.lastRefusal = lastRefusal ?? notes.lastRefusal;
    },
  };
}
