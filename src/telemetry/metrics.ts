import { registry as grpcRegistry } from 'nice-grpc-prometheus';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Cut, LookupKind, Observer, Role } from '../core/observer.ts';
import type { PublicCertificate } from '../core/public-certificates.ts';
import { toolLabels } from '../core/tool.ts';
import { certificateMetrics } from './certificate-metrics.ts';
import { janitorMetrics } from './janitor-metrics.ts';

/** What the volume says when it is asked for a scrape; rejects or stays silent when it fails. */
export interface VolumeProbe {
  usage(): Promise<{ totalBytes: number; freeBytes: number; totalInodes: number; freeInodes: number }>;
  isWritable(): boolean;
  /** Bytes on disk that the cache may take, and takes; undefined where it has no quota. */
  quota(): { limitBytes: number; usedBytes: number } | undefined;
  /** By how much our clock is ahead of the one that dates the volume's files. */
  clockSkewMs(): number;
}

/** All metrics of the process. */
export interface Metrics {
  readonly observer: Observer;
  /** Adds the gauges of the volume, which are read at each scrape. */
  watchVolume(probe: VolumeProbe): void;
  /** Adds what is known of certificates, asked for at each scrape. */
  watchCertificates(known: () => readonly PublicCertificate[]): void;
  readonly contentType: string;
  /** The text of a scrape. */
  text(): Promise<string>;
}

const kinds: readonly LookupKind[] = ['blob', 'read', 'action', 'asset', 'reference'];
const roles: readonly Role[] = ['pull', 'push'];
const cuts: readonly Cut[] = ['handshake', 'connections', 'calls', 'stalled', 'memory'];
/** A scrape answers without the volume's gauges when the volume takes longer than this. Milliseconds. */
const volumePatience = 2000;

/** Metrics by prom-client; those of gRPC calls come from nice-grpc-prometheus and are merged in. */
export function prometheusMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const observer = countingObserver(registry);
  let readVolume = () => Promise.resolve();
  const setCertificates = certificateMetrics(registry);
  let certificates: () => readonly PublicCertificate[] = () => [];
  return {
    observer,
    watchVolume(probe) {
      readVolume = volumeGauges(registry, probe);
    },
    watchCertificates(known) {
      certificates = known;
    },
    contentType: registry.contentType,
    async text() {
      setCertificates(certificates());
      await readVolume();
      return await Registry.merge([registry, grpcRegistry]).metrics();
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
  const doubts = new Counter({
    name: 'weir_doubted_blobs_total',
    help: 'Observations of a stored blob that is not what its name or the caller says, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const brokenPromises = new Counter({
    name: 'weir_broken_promises_total',
    help: 'Times that a blob was not there although this server had promised it less than LEASE_SECONDS before. Has to stay 0.',
    registers,
  });
  const quarantined = new Counter({
    name: 'weir_quarantined_blobs_total',
    help: 'Stored blobs whose bytes did not give their hash and that were set aside.',
    registers,
  });
  const scrubbedBytes = new Counter({
    name: 'weir_scrubbed_bytes_total',
    help: 'Bytes of blobs that the background scrub has read.',
    registers,
  });
  const scrubbedBlobs = new Counter({
    name: 'weir_scrubbed_blobs_total',
    help: 'Blobs that the background scrub has compared with their hashes.',
    registers,
  });
  const scrubProgress = new Gauge({
    name: 'weir_scrub_pass_progress',
    help: 'How far the scrub of all blobs is, 0 to 1; 1 until the next one begins.',
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
    callBegan: (listener) => inFlight.inc({ listener }),
    callEnded: (listener) => inFlight.dec({ listener }),
    lookedUp(kind, tool, hits, misses) {
      lookups.inc({ kind, result: 'hit', tool }, hits);
      lookups.inc({ kind, result: 'miss', tool }, misses);
    },
    received: (service, listener, bytes) => received.inc({ service, listener }, bytes),
    sent: (service, listener, bytes) => sent.inc({ service, listener }, bytes),
    httpAnswered: (method, status, listener) => httpRequests.inc({ method, status, listener }),
    pushed({ bytes, missing }) {
      pushes.inc();
      if (missing.length > 0) incompletePushes.inc();
      pushedBytes.inc(bytes);
    },
    uploadMismatched: () => mismatches.inc(),
    doubted: (_blob, reason) => doubts.inc({ reason }),
    promiseBroken: () => brokenPromises.inc(),
    quarantined: () => quarantined.inc(),
    scrubbed({ bytes, blobs, progress }) {
      scrubbedBytes.inc(bytes);
      scrubbedBlobs.inc(blobs);
      scrubProgress.set(progress);
    },
    ...janitorMetrics(registry),
    cut: (reason) => cut.inc({ reason }),
    refusedForSpace: () => refused.inc(),
  };
}

/** The gauges of the volume, and the function that reads it into them; one answer of the volume fills them all. */
function volumeGauges(registry: Registry, probe: VolumeProbe): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const total = gauge('weir_volume_size_bytes', 'Size of the file system that the volume is on.');
  const free = gauge('weir_volume_free_bytes', 'Bytes free on it for us.');
  const inodes = gauge(
    'weir_volume_inodes',
    'Inodes of the file system that the volume is on; 0 where it has no limit.',
  );
  const freeInodes = gauge('weir_volume_free_inodes', 'Inodes free on it.');
  const writable = gauge(
    'weir_volume_writable',
    '1 when the last try to write a file on the volume succeeded.',
  );
  const answers = gauge(
    'weir_volume_answers',
    '1 when the volume answered in time for this scrape; its sizes are old when it is 0.',
  );
  const quota = gauge(
    'weir_quota_bytes',
    'Bytes on disk that the cache may take (QUOTA); 0 where it has no quota.',
  );
  const used = gauge(
    'weir_used_bytes',
    'Bytes on disk that the cache takes, as far as measured; 0 where it has no quota.',
  );
  const skew = gauge(
    'weir_clock_skew_seconds',
    "How far this machine's clock is ahead of the one that dates the volume's files; negative when it is behind.",
  );
  return async () => {
    skew.set(probe.clockSkewMs() / 1000);
    quota.set(probe.quota()?.limitBytes ?? 0);
    used.set(probe.quota()?.usedBytes ?? 0);
    writable.set(probe.isWritable() ? 1 : 0);
    const usage = await inTime(probe.usage());
    answers.set(usage === undefined ? 0 : 1);
    if (usage === undefined) return;
    total.set(usage.totalBytes);
    free.set(usage.freeBytes);
    inodes.set(usage.totalInodes);
    freeInodes.set(usage.freeInodes);
  };
}

/** A mount that hangs must not hang the scrape, which is how people learn that it hangs. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), volumePatience);
  });
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
