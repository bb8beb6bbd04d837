import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { type AppOptions, canPush, leaseOf } from './app-options.ts';
import { startUpkeep, type Upkeep } from './app-upkeep.ts';
import { version } from './cli/version.ts';
import type { Clock } from './core/clock.ts';
import type { Logger, Observer } from './core/observer.ts';
import { roomOf } from './core/status.ts';
import type { Readiness } from './http/readiness.ts';
import { storageSummaries } from './inventory/storage-summaries.ts';
import { every } from './janitor/repeating.ts';
import { startVolumeWatch, type VolumeState } from './janitor/volume-watch.ts';
import type { MeasuredBytes } from './store/used-bytes.ts';
import { openVolume, type Volume } from './store/volume.ts';
import { countedCalls } from './telemetry/counted-calls.ts';
import { type Remembered, withHistory } from './telemetry/history.ts';
import { withLog } from './telemetry/logging-observer.ts';
import { type Metrics, prometheusMetrics } from './telemetry/metrics.ts';
import type { MetricsSnapshot } from './telemetry/summed-metrics.ts';
import { quotaFigures, volumeFigures } from './volume-figures.ts';

/** What there is once in a server, however many processes answer its calls: the volume's upkeep, metrics, the operations port. */
export interface Keeper extends Pick<Upkeep, 'doubt' | 'makeRoom' | 'measure'> {
  readonly volume: Volume;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly remembered: Remembered;
  /** Resolves when no call of this process is under way, or when it has waited for so long. Milliseconds. */
  callsEnded(patienceMs: number): Promise<void>;
  /** Opens the operations port; resolves with its number, undefined where there is none. */
  openOps(): Promise<number | undefined>;
  /** Calls are answered from now on: what goes on beside them may begin. */
  begin(): void;
  /** Is not ready any more, and lets the janitor of another server work. */
  yield(): Promise<void>;
  /** To be called when nothing is served any more. */
  close(): Promise<void>;
}

/** The other processes of a server, where there are some. */
export interface OtherProcesses {
  /** How many answer calls now, and how many there are to be. */
  serving(): { readonly now: number; readonly wanted: number };
  /** Has them say what they have counted until now. */
  refresh(): Promise<void>;
  /** What they have said last, and those before them. */
  snapshots(): readonly MetricsSnapshot[];
  /** Folders are measured from now on; to be called with the result. */
  beginMeasuring(): Promise<(measured: MeasuredBytes) => void>;
  /** A blob was set aside. */
  quarantined(): void;
}

const historyEveryMs = 60_000;

/** Opens the volume and begins to keep it. Rejects with what to do about it when it cannot be had. */
export async function openKeeper(
  options: AppOptions,
  logger: Logger,
  others?: OtherProcesses,
): Promise<Keeper> {
  const clock: Clock = Date.now;
  const startedAtMs = clock();
  const metrics = prometheusMetrics(version);
  metrics.watchCertificates(options.certificates);
  metrics.watchWorkers(() => others?.serving().now ?? 1);
  const remembered = withHistory(withLog(metrics.observer, logger), clock);
  const calls = countedCalls(remembered.observer);
  let kept: { volume: Volume; upkeep: Upkeep } | undefined;
  const observer: Observer = {
    ...calls.observer,
    doubted(blob, reason) {
      calls.observer.doubted(blob, reason);
      // A file of the wrong size is missing to everybody already, and the next upload replaces it. Whether
      // its size is wrong or the caller's claim is nobody has to find out by reading all of it.
      if (reason !== 'wrong-size') kept?.upkeep.doubt(blob);
    },
    quarantined(blob) {
      calls.observer.quarantined(blob);
      kept?.volume.distrustLeases();
      others?.quarantined();
    },
  };
  const volume = await openVolume(
    {
      ...options.volume,
      ...leaseOf(options),
      keepsUploads: options.uploadResumeMs > 0,
      answers: others === undefined,
    },
    clock,
    observer,
    logger,
  );
  const { space } = volume;
  const watch = startVolumeWatch(volume, logger);
  metrics.watchVolume({
    usage: () => space.usage(),
    isWritable: () => watch.state().writable,
    quota: () => quotaFigures(space),
    headRoom: (totalBytes) => space.headRoom(totalBytes),
    leaseSeconds: options.leaseMs / 1000,
    clockSkewMs: () => volume.clock.skewMs(),
  });

  async function beginMeasuring() {
    const [own, told] = await Promise.all([space.beginMeasuring(), others?.beginMeasuring()]);
    return {
      done(measured: MeasuredBytes) {
        own.done(measured);
        told?.(measured);
      },
    };
  }

  const measuredSpace = {
    used: space.used,
    askForMeasuring: (measure: () => Promise<void>) => space.askForMeasuring(measure),
    beginMeasuring,
  };
  const upkeep = startUpkeep(options, { volume, measuredSpace, clock, observer, logger });
  kept = { volume, upkeep };
  const summaries = storageSummaries(volume.layout.root, clock, logger);
  const sampling = every(
    historyEveryMs,
    async () => {
      const figures = await volumeFigures(volume);
      if (figures === undefined) return;
      const { usedBytes, limitBytes } = roomOf(figures);
      remembered.measured(usedBytes, limitBytes);
    },
    logger,
  );
  let draining = false;
  let ops: Server | undefined;
  const readiness = { current: () => readinessOf(watch.state(), draining, others?.serving()) };

  async function openOps(): Promise<number | undefined> {
    if (options.opsListen === undefined) return undefined;
    // Calls are answered by now, and need not wait for this to load.
    const { openOpsServer } = await import('./http/ops-server.ts');
    const { statusSources } = await import('./status-sources.ts');
    const parts = {
      volume,
      watch,
      remembered,
      summaries,
      clock,
      startedAtMs,
      canPush: canPush(options),
      leaseMs: options.leaseMs,
      scrubs: upkeep.scrubs,
      readiness: () => readiness.current(),
      certificates: options.certificates,
    };
    ops = await openOpsServer(
      {
        readiness,
        logger,
        refresh: async () => await others?.refresh(),
        metricsContentType: metrics.contentType,
        metricsText: () => metrics.text(others && (() => others.snapshots())),
        status: options.statusPage && statusSources(options.statusPage, parts),
      },
      options.opsListen,
    );
    return (ops.address() as AddressInfo).port;
  }

  return {
    volume,
    observer,
    metrics,
    remembered,
    callsEnded: (patienceMs) => calls.ended(patienceMs),
    doubt: (blob) => upkeep.doubt(blob),
    makeRoom: (bytes) => upkeep.makeRoom(bytes),
    measure: (everything) => upkeep.measure(everything),
    openOps,
    begin: () => upkeep.begin(),
    yield() {
      draining = true;
      return upkeep.yield();
    },
    async close() {
      void sampling.stop();
      await summaries.stop();
      await upkeep.stop();
      watch.stop();
      await volume.close();
      ops?.close();
      ops?.closeAllConnections();
    },
  };
}

/** Reads go on while uploads cannot be taken, and with fewer workers: what keeps traffic away is a volume, or all workers, that do not answer. */
function readinessOf(
  volume: VolumeState,
  draining: boolean,
  workers: { now: number; wanted: number } | undefined,
): Readiness {
  const reasons = volume.reason === '' ? [] : [volume.reason];
  if (draining) reasons.push('the server is stopping');
  else if (workers !== undefined && workers.now < workers.wanted)
    reasons.push(`${workers.now} of ${workers.wanted} workers answer calls`);
  return { ready: volume.answers && !draining && workers?.now !== 0, reasons };
}
