import type { Cut, LookupKind, Observer, Role } from '../core/observer.ts';
import type { PublicCertificate } from '../core/public-certificates.ts';
import { type ToolLabel, toolLabels } from '../core/tool.ts';
import { certificateMetrics } from './certificate-metrics.ts';
import { durationBuckets, grpcMetrics } from './grpc-metrics.ts';
import { janitorMetrics } from './janitor-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { Counter, Gauge, Histogram, Registry } from './prom-client.ts';
import { type MetricsSnapshot, summed } from './summed-metrics.ts';
import { Tallies, type Tally } from './tallies.ts';
import { volumeGauges, type VolumeProbe } from './volume-gauges.ts';
import { wholenessMetrics } from './wholeness-metrics.ts';

/** What is said of a metric, for a page about all of them. */
export interface MetricDescription {
  readonly name: string;
  /** The question that it answers, in Markdown. */
  readonly question: string;
  readonly labels: readonly string[];
}

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
  /** All that there are, in the order in which they were made. */
  described(): readonly MetricDescription[];
  readonly contentType: string;
  /** What this process has to say now. */
  snapshot(): Promise<MetricsSnapshot>;
  /** The text of a scrape. `others`: what other processes of the server have said last. */
  text(others?: () => readonly MetricsSnapshot[]): Promise<string>;
}

const kinds: readonly LookupKind[] = ['blob', 'read', 'action', 'asset', 'reference'];
const roles: readonly Role[] = ['pull', 'push'];
const cuts: readonly Cut[] = ['handshake', 'connections', 'calls', 'stalled', 'memory'];

/** Metrics by prom-client. */
export function prometheusMetrics(version: string): Metrics {
  const ofProcess = processMetrics();
  const registry = new Registry();
  new Gauge({
    name: 'weir_build_info',
    help: 'Which version runs? Always 1.',
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
    help: 'How many processes of this server answer calls (`WORKERS`)? Fewer than that while one is replaced.',
    registers: [registry],
  });
  const ended = new Counter({
    name: 'weir_ended_workers_total',
    help: 'How many processes that answer calls have ended though nobody had asked them to?',
    registers: [registry],
  });
  let countWorkers = () => 0;

  async function snapshot(): Promise<MetricsSnapshot> {
    return [...(await ofProcess().getMetricsAsJSON()), ...(await registry.getMetricsAsJSON())];
  }

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
    described: () =>
      [...ofProcess().getMetricsAsArray(), ...registry.getMetricsAsArray()].map((metric) => ({
        name: metric.name,
        question: metric.help,
        // It is there, and the types of prom-client do not say so.
        labels: 'labelNames' in metric ? (metric.labelNames as readonly string[]) : [],
      })),
    contentType: registry.contentType,
    snapshot,
    async text(others) {
      await refresh();
      if (others === undefined) return `${await ofProcess().metrics()}\n${await registry.metrics()}`;
      return await summed([await snapshot(), ...others()]).metrics();
    },
  };
}

function countingObserver(registry: Registry): Observer {
  const registers = [registry];
  const lookups = new Tallies({
    name: 'weir_lookups_total',
    help: 'How often does the cache have what is asked for? `kind` is `reference` (an artifact by its key), `asset` (an artifact or a source by its URI), `action` (the result of an action, or a value by its key), `read` (a blob to download) or `blob` (FindMissingBlobs, before an upload); `result` is `hit` or `miss`. `tool` says for whom.',
    labelNames: ['kind', 'result', 'tool'],
    registers,
  });
  const received = new Counter({
    name: 'weir_received_bytes_total',
    help: 'How much is uploaded? Compressed uploads as they came; over gRPC, nothing of what was here already.',
    labelNames: ['service', 'listener'],
    registers,
  });
  const sent = new Tallies({
    name: 'weir_sent_bytes_total',
    help: 'How much is downloaded? Compressed downloads as they went; with outputs that are inlined in results of actions.',
    labelNames: ['service', 'listener'],
    registers,
  });
  const callsOf = { pull: 0, push: 0 };
  const inFlight = new Gauge({
    name: 'weir_calls_in_flight',
    help: 'How busy is it now?',
    labelNames: ['listener'],
    registers,
    collect() {
      for (const listener of roles) this.set({ listener }, callsOf[listener]);
    },
  });
  const httpRequests = new Counter({
    name: 'weir_http_requests_total',
    help: 'How many requests of the HTTP cache protocol came in, and how did they end?',
    labelNames: ['method', 'status', 'listener'],
    registers,
  });
  const httpSeconds = new Histogram({
    name: 'weir_http_handling_seconds',
    help: 'How long did requests of the HTTP cache protocol take?',
    labelNames: ['method'],
    buckets: durationBuckets,
    registers,
  });
  const pushes = new Counter({
    name: 'weir_pushes_total',
    help: 'How many artifacts were pushed? Counts updates of references, and assets.',
    registers,
  });
  const pushedBytes = new Counter({
    name: 'weir_pushed_bytes_total',
    help: 'How large is what was pushed? Blobs that were here before count too.',
    registers,
  });
  const incompletePushes = new Counter({
    name: 'weir_incomplete_pushes_total',
    help: 'How many pushes came before all of their blobs were here? Nobody can pull those until the rest has come.',
    registers,
  });
  const mismatches = new Counter({
    name: 'weir_upload_mismatches_total',
    help: 'Do clients send bytes that are not what they announce?',
    registers,
  });
  const refused = new Counter({
    name: 'weir_refused_uploads_total',
    help: 'Were uploads refused for want of room?',
    registers,
  });
  const cut = new Counter({
    name: 'weir_cut_total',
    help: 'What was refused or ended to keep others from harm? `handshake`: a connection that did not begin in time; `connections`, `calls`: one more than the limits have; `stalled`: a call whose client did nothing; `memory`: the same, sooner, for others waited for the memory that it held.',
    labelNames: ['reason'],
    registers,
  });
  const sentOf = { pull: new Map<string, Tally>(), push: new Map<string, Tally>() };

  function talliesOf(kind: LookupKind, tool: ToolLabel) {
    return {
      hit: lookups.add({ kind, result: 'hit', tool }),
      miss: lookups.add({ kind, result: 'miss', tool }),
    };
  }

  function tallyOfSent(service: string, listener: Role): Tally {
    const known = sentOf[listener].get(service);
    if (known !== undefined) return known;
    const made = sent.add({ service, listener });
    sentOf[listener].set(service, made);
    return made;
  }

  // A rate needs its zero: series exist from the start.
  const lookedFor = new Map(
    kinds.map((kind) => [kind, new Map(toolLabels.map((tool) => [tool, talliesOf(kind, tool)]))]),
  );
  for (const reason of cuts) cut.inc({ reason }, 0);
  for (const listener of roles) inFlight.set({ listener }, 0);
  return {
    ...grpcMetrics(registry),
    callBegan(listener) {
      callsOf[listener]++;
    },
    callEnded(listener) {
      callsOf[listener]--;
    },
    lookedUp(kind, tool, hits, misses) {
      const tallies = lookedFor.get(kind)?.get(tool);
      if (tallies === undefined) return;
      tallies.hit.count += hits;
      tallies.miss.count += misses;
    },
    received: (service, listener, bytes) => received.inc({ service, listener }, bytes),
    sent(service, listener, bytes) {
      tallyOfSent(service, listener).count += bytes;
    },
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
