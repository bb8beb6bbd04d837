import type { Clock } from '../core/clock.ts';
import {
  type CountedSeries,
  countedSeries,
  type History,
  type MeasuredSeries,
  measuredSeries,
} from '../core/status.ts';

const stepMs = 60_000;
/** A day. */
const longest = 24 * 60;

/** Counts by the minute, for a day; a fixed amount of memory. */
export interface MinuteRing {
  add(series: CountedSeries, amount: number): void;
  /** The last one of a minute counts. */
  measured(series: MeasuredSeries, value: number): void;
  history(): History;
}

/** Of a clock that is set back by less, the minute that was last goes on; by more, everything begins anew. */
const longestSetBack = 60;

/** Begins with the minute that is now. */
export function minuteRing(clock: Clock): MinuteRing {
  const values = new Map([...countedSeries, ...measuredSeries].map((name) => [name, fresh(name)] as const));
  let first = minuteNow();
  let last = first;

  function minuteNow(): number {
    return Math.floor(clock() / stepMs);
  }

  /** The place of the minute that is now; those that have passed without a word are emptied. */
  function place(): number {
    const now = minuteNow();
    if (now < last - longestSetBack) {
      for (const [name, series] of values) series.fill(empty(name));
      first = last = now;
    }
    for (let minute = Math.max(last + 1, now - longest + 1); minute <= now; minute++)
      for (const [name, series] of values) series[minute % longest] = empty(name);
    last = Math.max(last, now);
    return last % longest;
  }

  return {
    add(name, amount) {
      const at = place();
      const series = values.get(name);
      if (series !== undefined) series[at] = (series[at] ?? 0) + amount;
    },
    measured(name, value) {
      const at = place();
      const series = values.get(name);
      if (series !== undefined) series[at] = value;
    },
    history() {
      place();
      const begin = Math.max(first, last - longest + 1);
      const inOrder = (name: CountedSeries | MeasuredSeries) =>
        Array.from({ length: last - begin + 1 }, (_, index) => {
          return values.get(name)?.[(begin + index) % longest] ?? empty(name);
        });
      const series = Object.fromEntries([...values.keys()].map((name) => [name, inOrder(name)]));
      return { beginsAtMs: begin * stepMs, stepMs, series: series as unknown as History['series'] };
    },
  };
}

function fresh(name: CountedSeries | MeasuredSeries): Float64Array {
  return new Float64Array(longest).fill(empty(name));
}

function empty(name: CountedSeries | MeasuredSeries): number {
  return (measuredSeries as readonly string[]).includes(name) ? Number.NaN : 0;
}
