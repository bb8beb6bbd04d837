import type { Gauge } from './prom-client.ts';

/** Takes a new gauge's 0 away: until it is set for the first time, nothing is known, and 0 would say something. */
export function unknownYet(gauge: Gauge): Gauge {
  gauge.remove();
  return gauge;
}
