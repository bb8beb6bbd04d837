import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HealthState } from 'nice-grpc-server-health';
import { version } from './cli/version.ts';
import type { Clock } from './core/clock.ts';
import type { BlobName } from './core/digest.ts';
import type { Logger, Observer, Role } from './core/observer.ts';
import type { PublicCertificate } from './core/public-certificates.ts';
import { roomOf } from './core/status.ts';
import { type CacheListener, type CacheListenerOptions, openCacheListener } from './http/cache-listener.ts';
import { type DownloaderOptions, httpsDownloader } from './fetch/https-downloader.ts';
import { openOpsServer } from './http/ops-server.ts';
import { storageSummaries } from './inventory/storage-summaries.ts';
import type { Readiness } from './http/readiness.ts';
import { doubtScrubber } from './janitor/scrubber.ts';
import { startBackgroundScrub } from './janitor/background-scrub.ts';
import { startClockWatch } from './janitor/clock-watch.ts';
import { startJanitor } from './janitor/janitor.ts';
import { janitorThread } from './janitor/janitor-thread.ts';
import { startMeasurer } from './janitor/measurer.ts';
import { sweepQuarantine } from './janitor/quarantine-sweeper.ts';
import { every } from './janitor/repeating.ts';
import { startVolumeWatch } from './janitor/volume-watch.ts';
import { callBounds } from './grpc/call-bounds.ts';
import { codeOfRefusal } from './rpc/allowed-methods.ts';
import { type Listener, type ListenerOptions, openListener } from './rpc/listener.ts';
import { listenInPlace } from './grpc/socket-file.ts';
import { type StatusPageOptions, statusSources, volumeFigures } from './status-sources.ts';
import { openVolume, type Volume, type VolumeOptions } from './store/volume.ts';
import { countedCalls } from './telemetry/counted-calls.ts';
import { withHistory } from './telemetry/history.ts';
import { withLog } from './telemetry/logging-observer.ts';
import { prometheusMetrics } from './telemetry/metrics.ts';

/** What a server is made of. */
export interface AppOptions {
  readonly volume: Omit<VolumeOptions, 'leaseMs' | 'coalesceMs' | 'keepsUploads'>;
  readonly listeners: readonly ListenerOptions[];
  /** The same store over the HTTP cache protocol. */
  readonly httpListeners: readonly CacheListenerOptions[];
  /** `host:port` of the operations port, if there is one. */
  readonly opsListen: string | undefined;
  /** What the operations port shows to browsers; undefined for nothing. */
  readonly statusPage: StatusPageOptions | undefined;
  /** How long a blob stays after any positive answer about it. */
  readonly leaseMs: number;
  /** Bytes of the file that is given up when the volume is completely full; undefined: as many as fit it. */
  readonly ballastBytes: number | undefined;
  /** At which rate all blobs are read and compared with their hashes; 0 for never. */
  readonly scrubBytesPerSecond: number;
  /** How long an upload that stopped is kept; 0 keeps none. */
  readonly uploadResumeMs: number;
  readonly drainMs: number;
  /** How long a call's client may do nothing while it is its turn. */
  readonly streamIdleMs: number;
  /** What is known of certificates, for metrics. */
  readonly certificates: () => readonly PublicCertificate[];
  /** Where content may be fetched from; undefined: from nowhere. */
  readonly fetch: DownloaderOptions | undefined;
}

/** A running server. */
export interface App {
  readonly listeners: readonly { role: Role; port: number }[];
  readonly httpListeners: readonly { role: Role; port: number }[];
  readonly opsPort: number | undefined;
  /** Stops being ready, lets calls end or cuts them when the time is up, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

const hour = 3_600_000;
const spaceEveryMs = 30_000;
const historyEveryMs = 60_000;
const quarantineEveryMs = 30_000;
/** A touch is skipped for this part of the lease; eviction adds it back. */
const coalesceShare = 6;
/** For calls that were cut to put their files away. */
const tidyMs = 5000;

/** The composition root: opens the volume, then the doors. Rejects with what to do about it when something cannot be had. */
export async function startApp(options: AppOptions, logger: Logger): Promise<App> {
  const clock: Clock = Date.now;
  const metrics = prometheusMetrics(version);
  metrics.watchCertificates(options.certificates);
  const startedAtMs = clock();
  const remembered = withHistory(withLog(metrics.observer, logger), clock);
  const calls = countedCalls(remembered.observer);
  let doubt: (blob: BlobName) => void = () => {};
  let distrustLeases = () => {};
  const observer: Observer = {
    ...calls.observer,
    doubted(blob, reason) {
      calls.observer.doubted(blob, reason);
      // A file of the wrong size is missing to everybody already, and the next upload replaces it. Whether
      // its size is wrong or the caller's claim is nobody has to find out by reading all of it.
      if (reason !== 'wrong-size') doubt(blob);
    },
    quarantined(blob) {
      calls.observer.quarantined(blob);
      distrustLeases();
    },
  };

  const lease = { leaseMs: options.leaseMs, coalesceMs: options.leaseMs / coalesceShare };
  const volume = await openVolume(
    { ...options.volume, ...lease, keepsUploads: options.uploadResumeMs > 0 },
    clock,
    observer,
    logger,
  );
  distrustLeases = () => volume.distrustLeases();
  const watch = startVolumeWatch(volume, logger);
  const clockWatch = startClockWatch(volume.clock, options.leaseMs, logger);
  metrics.watchVolume({
    usage: () => volume.space.usage(),
    isWritable: () => watch.state().writable,
    quota: () => quotaOf(volume),
    headRoom: (totalBytes) => volume.space.headRoom(totalBytes),
    leaseSeconds: options.leaseMs / 1000,
    clockSkewMs: () => volume.clock.skewMs(),
  });

  const thread = janitorThread(volume.layout.root, (steps) => {
    volume.space.shifted(steps.shift);
    observer.evictionStepped(steps);
  });
  const measurer =
    options.volume.quotaBytes === undefined ? undefined : startMeasurer(thread, volume.space, logger);
  const canPush = [...options.listeners, ...options.httpListeners].some(({ role }) => role === 'push');
  const { indexOnly } = options.volume;
  const { ballastBytes } = options;
  const temporaryAges = { own: hour, kept: options.uploadResumeMs, foreign: 24 * hour };
  // Where nobody can push, nothing may be removed either, and nothing set aside.
  const janitor = canPush
    ? startJanitor({
        volume,
        lease,
        temporaryAges,
        ballastBytes,
        indexOnly,
        thread,
        clock: volume.clock.now,
        observer,
        logger,
      })
    : undefined;
  const scrubber = canPush ? doubtScrubber(volume.layout, observer, logger) : undefined;
  doubt = (blob) => scrubber?.doubt(blob);
  const bytesPerSecond = options.scrubBytesPerSecond;
  const scrub =
    canPush && bytesPerSecond > 0
      ? startBackgroundScrub({ layout: volume.layout, thread, bytesPerSecond, clock, observer, logger })
      : undefined;
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
  const renewing = every(hour, () => volume.renewMark(), logger);

  const renewingSpace = every(spaceEveryMs, () => volume.space.renew(), logger);
  const quarantine = canPush
    ? every(quarantineEveryMs, () => sweepQuarantine(volume, clock, logger), logger)
    : undefined;

  const health = HealthState();
  const bounds = callBounds({
    streamIdleMs: options.streamIdleMs,
    onCut: (cut) => observer.cut(cut),
    codeOfRefusal,
  });
  let draining = false;
  const readiness = { current: () => readinessOf(watch.state(), draining) };
  const statusParts = {
    volume,
    watch,
    remembered,
    summaries,
    clock,
    startedAtMs,
    canPush,
    leaseMs: options.leaseMs,
    scrubs: scrub !== undefined,
    readiness: () => readiness.current(),
    certificates: options.certificates,
  };
  const { blobs, intakes, references, assets, actions, values, trees, chunks } = volume;
  // An index has no place for what would be fetched.
  const downloader = indexOnly ? undefined : options.fetch && httpsDownloader(options.fetch, intakes, logger);
  const listeners: Listener[] = [];
  const httpListeners: CacheListener[] = [];
  let ops: Server | undefined;

  async function stop(): Promise<void> {
    draining = true;
    health.setStatus('unhealthy');
    const others = Promise.all([janitor?.yield(), scrub?.stop()]);
    await drain([...listeners, ...httpListeners], options.drainMs, logger);
    await calls.ended(tidyMs);
    void quarantine?.stop();
    void sampling.stop();
    await summaries.stop();
    void renewing.stop();
    void renewingSpace.stop();
    measurer?.stop();
    await others;
    // What is under way in the thread is cut, and nobody complains of it.
    const janitorEnded = janitor?.stop();
    await thread.stop();
    await janitorEnded;
    watch.stop();
    clockWatch.stop();
    await scrubber?.stop();
    await volume.close();
    ops?.close();
    ops?.closeAllConnections();
  }

  try {
    for (const listener of options.listeners) {
      listeners.push(
        await openListener(listener, {
          blobs,
          references,
          assets,
          actions,
          trees,
          chunks,
          indexOnly,
          downloader,
          health,
          bounds,
          observer,
          logger,
        }),
      );
    }
    for (const listener of options.httpListeners) {
      const parts = { blobs, intakes, values, actions, indexOnly, observer, logger };
      httpListeners.push(await openCacheListener(listener, listenInPlace, parts));
    }
    if (options.opsListen !== undefined) {
      const sources = {
        readiness,
        logger,
        metricsContentType: metrics.contentType,
        metricsText: () => metrics.text(),
        status: options.statusPage && statusSources(options.statusPage, statusParts),
      };
      ops = await openOpsServer(sources, options.opsListen);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    listeners: listeners.map(({ role, port }) => ({ role, port })),
    httpListeners: httpListeners.map(({ role, port }) => ({ role, port })),
    opsPort: (ops?.address() as AddressInfo | null | undefined)?.port,
    stop,
  };
}

function quotaOf({ space }: Volume): { limitBytes: number; usedBytes: number } | undefined {
  if (space.quotaBytes === undefined) return undefined;
  return { limitBytes: space.quotaBytes, usedBytes: Math.round(space.used.current()) };
}

/** Reads go on while uploads cannot be taken: only a volume that does not answer keeps traffic away. */
function readinessOf(
  volume: { answers: boolean; writable: boolean; reason: string },
  draining: boolean,
): Readiness {
  const reasons = volume.reason === '' ? [] : [volume.reason];
  if (draining) reasons.push('the server is stopping');
  return { ready: volume.answers && !draining, reasons };
}

/** Lets calls end by themselves; those that have not when the time is up are cut. */
async function drain(
  listeners: readonly Pick<Listener, 'drain' | 'cut'>[],
  patienceMs: number,
  logger: Logger,
): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn('calls were still under way when the time to drain was up; they are cut', {
      seconds: patienceMs / 1000,
    });
    for (const listener of listeners) listener.cut();
  }, patienceMs);
  const results = await Promise.allSettled(listeners.map((listener) => listener.drain()));
  clearTimeout(timer);
  for (const result of results) {
    if (result.status === 'rejected')
      logger.warn('a listener did not stop in order', { error: String(result.reason) });
  }
}
