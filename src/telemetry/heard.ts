import type { Clock } from '../core/clock.ts';
import type { Observer, Push } from '../core/observer.ts';
import type { CountedSeries, Happenings, RecentPush } from '../core/status.ts';
import { recentPush, recentPushes } from './recent-pushes.ts';

/** What one of several processes of a server has heard from its calls, for the history that another one keeps. */
export interface HeardReport extends Pick<
  Happenings,
  'unreadable' | 'brokenPromises' | 'refusedUploads' | 'lastRefusal'
> {
  readonly counts: readonly (readonly [CountedSeries, number])[];
  /** The newest first; of very many the last ones. */
  readonly pushes: readonly RecentPush[];
}

/** What hears, and what it has heard since it was asked last. */
export interface Hearing {
  /** The same observer. */
  readonly observer: Observer;
  take(): HeardReport;
}

/** Kinds of lookups whose misses cost a build something: others only follow from them. */
const recordKinds = new Set(['action', 'asset', 'reference']);

/** Begins to add up what an observer hears of calls. */
export function withHearing(observer: Observer, clock: Clock): Hearing {
  let counts = new Map<CountedSeries, number>();
  let pushes = recentPushes();
  let troubles = noTroubles();
  const counting = withCounts(observer, {
    add: (series, amount) => void counts.set(series, (counts.get(series) ?? 0) + amount),
    pushed: (push) => pushes.note(recentPush(push, clock())),
  });
  return {
    observer: {
      ...counting,
      doubted(blob, doubt) {
        observer.doubted(blob, doubt);
        if (doubt === 'unreadable') troubles.unreadable++;
      },
      promiseBroken(blob) {
        observer.promiseBroken(blob);
        troubles.brokenPromises++;
      },
      refusedForSpace(message) {
        observer.refusedForSpace(message);
        troubles.refusedUploads++;
        troubles.lastRefusal = { message, atMs: clock() };
      },
    },
    take() {
      const report = { counts: [...counts], pushes: pushes.all(), ...troubles };
      [counts, pushes, troubles] = [new Map(), recentPushes(), noTroubles()];
      return report;
    },
  };
}

function noTroubles() {
  return {
    unreadable: 0,
    brokenPromises: 0,
    refusedUploads: 0,
    lastRefusal: undefined as Happenings['lastRefusal'],
  };
}

/** The same observer; what of it is counted by the minute is added to something too. */
export function withCounts(
  observer: Observer,
  sink: { add(series: CountedSeries, amount: number): void; pushed(push: Push): void },
): Observer {
  return {
    ...observer,
    lookedUp(kind, tool, hits, misses) {
      observer.lookedUp(kind, tool, hits, misses);
      if (recordKinds.has(kind)) {
        sink.add('hits', hits);
        sink.add('misses', misses);
      } else if (kind === 'blob') {
        sink.add('blobHits', hits);
        sink.add('blobMisses', misses);
      }
    },
    received(service, role, bytes) {
      observer.received(service, role, bytes);
      sink.add('receivedBytes', bytes);
    },
    sent(service, role, bytes) {
      observer.sent(service, role, bytes);
      sink.add('sentBytes', bytes);
    },
    pushed(push) {
      observer.pushed(push);
      sink.add('pushes', 1);
      sink.pushed(push);
    },
  };
}
