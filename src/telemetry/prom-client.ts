import { createRequire } from 'node:module';
import type * as promClient from 'prom-client';

// Its parts: with its entrance come HTTP, a gateway and a tracing library, ten times as much as these. And by require(), for
// an `import` of a CommonJS package loads a parser of such packages first.
const require = createRequire(import.meta.url);

export const Registry = require('prom-client/lib/registry') as typeof promClient.Registry;
export const Counter = require('prom-client/lib/counter') as typeof promClient.Counter;
export const Gauge = require('prom-client/lib/gauge') as typeof promClient.Gauge;
export const Histogram = require('prom-client/lib/histogram') as typeof promClient.Histogram;
export const { exponentialBuckets } = require('prom-client/lib/bucketGenerators') as Pick<
  typeof promClient,
  'exponentialBuckets'
>;
export const AggregatorRegistry = require('prom-client/lib/cluster') as typeof promClient.AggregatorRegistry;

export type Registry = promClient.Registry;
export type Counter<Label extends string = string> = promClient.Counter<Label>;
export type Gauge<Label extends string = string> = promClient.Gauge<Label>;
export type Histogram<Label extends string = string> = promClient.Histogram<Label>;

/** What prom-client has to say of a process. */
export function collectProcessMetrics(registry: Registry): void {
  const collect = require('prom-client/lib/defaultMetrics') as typeof promClient.collectDefaultMetrics;
  collect({ register: registry });
}
