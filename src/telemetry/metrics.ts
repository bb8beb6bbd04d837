import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Cut, LookupKind, Observer, Role } from '../core/observer.ts';
import type { PublicCertificate } from '../core/public-certificates.ts';
import { toolLabels } from '../core/tool.ts';
import { certificateMetrics } from './certificate-metrics.ts';
import { durationBuckets, grpcMetrics } from './grpc-metrics.ts';
import { janitorMetrics } from './janitor-metrics.ts';
import { type MetricsSnapshot, summed } from './summed-metrics.ts';
import { volumeGauges, type VolumeProbe } from './volume-gauges.ts';
import { wholenessMetrics } from './wholeness-metrics.ts';

/** All metrics of the process, and of others that belong to the same server. */
export interface Metrics {
  readonly observer: Observer;
  /** Adds the gauges of the volume, which are read at each scrape. */
  watchVolume(probe: VolumeProbe): void;
  /** Adds what is known of certificates, asked for at each scrape. */
  watchCertificates(known: () => readonly PublicCertificate[]): void;
  /** Adds how many processes answer calls, asked for at each scrape. */
  watchWorkers(count: () => number): void;
  /** A process that answered calls has ended, and nobody had asked it to. */
  workerEnded(): void;
  readonly contentType: string;
  /** What this process has to say now. */
  snapshot(): Promise<MetricsSnapshot>;
  /** The text of a scrape. `others`: what other processes of the server have said last. */
  text(others?: () => readonly MetricsSnapshot[]): Promise<string>;
}

const kinds: readonly LookupKind[] = ['blob', 'read', 'action', 'asset', 'reference'];
const roles: readonly Role[] = ['pull', 'push'];
const cuts: readonly Cut[] = ['handshake', 'connections', 'calls', 'stalled', 'memory'];
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

/** Metrics by prom-client. */
export function prometheusMetrics(version: string): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  for (const [name, aggregator] of Object.entries(ofOneProcess))
    Object.assign(registry.getSingleMetric(name) ?? {}, { aggregator });
  new Gauge({
    name: 'weir_build_info',
    help: 'Always 1; the version of this server is its label.',
    labelNames: ['version'],
    aggregator: 'first',
    registers: [registry],
  }).set({ version }, 1);
  const observer = countingObserver(registry);
  let readVolume = () => Promise.resolve();
  const setCertificates = certificateMetrics(registry);
  let certificates: () => readonly PublicCertificate[] = () => [];
  const workers = new Gauge({
    name: 'weir_workers',
    help: 'Processes of this server that answer calls (WORKERS).',
    registers: [registry],
  });
  const ended = new Counter({
    name: 'weir_ended_workers_total',
    help: 'Of those, how many ended though nobody had asked them to; each is replaced.',
    registers: [registry],
  });
  let countWorkers = () => 0;

  async function refresh(): Promise<void> {
    setCertificates(certificates());
    workers.set(countWorkers());
    await readVolume();
  }

  return {
    observer,
    watchVolume(probe) {
      readVolume = volumeGauges(registry, probe);
    },
    watchCertificates(known) {
      certificates = known;
    },
    watchWorkers(count) {
      countWorkers = count;
    },
    workerEnded: () => ended.inc(),
    contentType: registry.contentType,
    snapshot: () => registry.getMetricsAsJSON(),
    async text(others) {
      await refresh();
      if (others === undefined) return await registry.metrics();
      const own = await registry.getMetricsAsJSON();
      return await summed([own, ...others()]).metrics();
    },
  };
}

function countingObserver(registry: Registry): Observer {
  const registers = [registry];
  const lookups = new Counter({
    name: 'weir_lookups_total',
    help: 'Answers to "is it here", by kind (blob: FindMissingBlobs, read: blobs asked for, action, asset, reference), result and tool.',
    labelNames: ['kind', 'result', 'tool'],
    registers,
  });
  const received = new Counter({
    name: 'weir_received_bytes_total',
    help: 'Bytes of blobs that came in, by service and listener.',
    labelNames: ['service', 'listener'],
    registers,
  });
  const sent = new Counter({
    name: 'weir_sent_bytes_total',
    help: 'Bytes of blobs that went out, by service and listener.',
    labelNames: ['service', 'listener'],
    registers,
  });
  const inFlight = new Gauge({
    name: 'weir_calls_in_flight',
    help: 'Calls under way, by listener.',
    labelNames: ['listener'],
    registers,
  });
  const httpRequests = new Counter({
    name: 'weir_http_requests_total',
    help: 'Requests of the HTTP cache protocol, by method, status and listener.',
    labelNames: ['method', 'status', 'listener'],
    registers,
  });
  const httpSeconds = new Histogram({
    name: 'weir_http_handling_seconds',
    help: 'How long requests of the HTTP cache protocol took, by method.',
    labelNames: ['method'],
    buckets: durationBuckets,
    registers,
  });
  const pushes = new Counter({
    name: 'weir_pushes_total',
    help: 'Successful pushes of references and assets.',
    registers,
  });
  const pushedBytes = new Counter({
    name: 'weir_pushed_bytes_total',
    help: 'Bytes that the pushed references and assets reach; blobs that were here before count too.',
    registers,
  });
  const incompletePushes = new Counter({
    name: 'weir_incomplete_pushes_total',
    help: 'Pushes of assets before all that they reach was here; nobody can fetch them until it is.',
    registers,
  });
  const mismatches = new Counter({
    name: 'weir_upload_mismatches_total',
    help: 'Uploads whose bytes were not the ones their digest announced.',
    registers,
  });
  const refused = new Counter({
    name: 'weir_refused_uploads_total',
    help: 'Uploads that were refused because the volume has no room for them.',
    registers,
  });
  const cut = new Counter({
    name: 'weir_cut_total',
    help: 'Connections and calls that were refused or ended to keep others from harm, by reason.',
    labelNames: ['reason'],
    registers,
  });
  // A rate needs its zero: series exist from the start.
  for (const kind of kinds)
    for (const result of ['hit', 'miss'])
      for (const tool of toolLabels) lookups.inc({ kind, result, tool }, 0);
  for (const reason of cuts) cut.inc({ reason }, 0);
  for (const listener of roles) inFlight.set({ listener }, 0);
  return {
    ...grpcMetrics(registry),
    callBegan: (listener) => inFlight.inc({ listener }),
    callEnded: (listener) => inFlight.dec({ listener }),
    lookedUp(kind, tool, hits, misses) {
      lookups.inc({ kind, result: 'hit', tool }, hits);
      lookups.inc({ kind, result: 'miss', tool }, misses);
    },
    received: (service, listener, bytes) => received.inc({ service, listener }, bytes),
    sent: (service, listener, bytes) => sent.inc({ service, listener }, bytes),
    httpAnswered(method, status, listener, seconds) {
      httpRequests.inc({ method, status, listener });
      httpSeconds.observe({ method }, seconds);
    },
    pushed({ bytes, missing }) {
      pushes.inc();
      if (missing.length > 0) incompletePushes.inc();
      pushedBytes.inc(bytes);
    },
    uploadMismatched: () => mismatches.inc(),
    ...wholenessMetrics(registry),
    ...janitorMetrics(registry),
    cut: (reason) => cut.inc({ reason }),
    refusedForSpace: () => refused.inc(),
  };
}
