import { collectProcessMetrics, Registry } from './prom-client.ts';

/** prom-client's names for sums of gauges: the suffix is for counters (ADR 41), and Prometheus can add by itself. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];
/** Of several processes, what the worst one has to say is what somebody should know. Others of prom-client's are added up. */
const ofOneProcess = {
  process_start_time_seconds: 'first',
  process_open_fds: 'max',
  process_max_fds: 'min',
  nodejs_eventloop_lag_seconds: 'max',
  nodejs_eventloop_lag_mean_seconds: 'max',
  nodejs_eventloop_lag_stddev_seconds: 'max',
  nodejs_eventloop_lag_p50_seconds: 'max',
  nodejs_eventloop_lag_p90_seconds: 'max',
  nodejs_eventloop_lag_p99_seconds: 'max',
} as const;

/** A start has better things to do. */
const laterMs = 1000;

/** Metrics of the process itself: of its memory, its event loop. They are there a second from now, or when they are asked for. */
export function processMetrics(): () => Registry {
  let registry: Registry | undefined;
  const made = () => (registry ??= newRegistry());
  setTimeout(made, laterMs).unref();
  return made;
}

function newRegistry(): Registry {
  const registry = new Registry();
  collectProcessMetrics(registry);
  for (const name of misnamed) registry.removeSingleMetric(name);
  for (const [name, aggregator] of Object.entries(ofOneProcess))
    Object.assign(registry.getSingleMetric(name) ?? {}, { aggregator });
  return registry;
}
