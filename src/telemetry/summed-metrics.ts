import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { AggregatorRegistry, type Registry } from './prom-client.ts';

/** All metrics of a process at one moment: numbers and words only, so that they can be sent to another process. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** What grows only, and must not go back when a process has ended. */
const growing = new Set(['counter', 'histogram']);

/** Metrics of several processes as one: each is added up, unless its `aggregator` says otherwise; the server's own come first. */
export function summed(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots as unknown as object[]);
}

/** What stays of processes that have ended. */
export interface GoneMetrics {
  /** The last that is known of one more. */
  add(last: MetricsSnapshot): void;
  snapshot(): MetricsSnapshot;
}

export function goneMetrics(): GoneMetrics {
  let sum: MetricsSnapshot = [];
  return {
    add(last) {
      const kept = last.filter(({ type }) => growing.has(String(type)));
      // The metrics of a sum are what they were made of, values included.
      sum = summed([sum, kept]).getMetricsAsArray() as unknown as MetricsSnapshot;
    },
    snapshot: () => sum,
  };
}
