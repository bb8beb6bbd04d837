import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HealthState } from 'nice-grpc-server-health';
import type { Clock } from './core/clock.ts';
import type { BlobName } from './core/digest.ts';
import type { Logger, Observer, Role } from './core/observer.ts';
import { type CacheListener, type CacheListenerOptions, openCacheListener } from './http/cache-listener.ts';
import { type DownloaderOptions, httpsDownloader } from './fetch/https-downloader.ts';
import { opsServer } from './http/ops-server.ts';
import type { Readiness } from './http/readiness.ts';
import { doubtScrubber } from './janitor/scrubber.ts';
import { startBackgroundScrub } from './janitor/background-scrub.ts';
import { startClockWatch } from './janitor/clock-watch.ts';
import { startJanitor } from './janitor/janitor.ts';
import { janitorThread } from './janitor/janitor-thread.ts';
import { startMeasurer } from './janitor/measurer.ts';
import { startVolumeWatch } from './janitor/volume-watch.ts';
import { cannotListen } from './core/listen-error.ts';
import { routeGrpcLog } from './rpc/grpc-log.ts';
import { type Listener, type ListenerOptions, openListener } from './rpc/listener.ts';
import { clearSocketPath } from './rpc/socket-file.ts';
import { openVolume, type Volume, type VolumeOptions } from './store/volume.ts';
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
  /** How long a blob stays after any positive answer about it. */
  readonly leaseMs: number;
  /** Bytes of the file that is given up when the volume is completely full; undefined: as many as fit it. */
  readonly ballastBytes: number | undefined;
  /** At which rate all blobs are read and compared with their hashes; 0 for never. */
  readonly scrubBytesPerSecond: number;
  /** How long an upload that stopped is kept; 0 keeps none. */
  readonly uploadResumeMs: number;
  readonly drainMs: number;
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
/** A touch is skipped for this part of the lease; eviction adds it back. */
const coalesceShare = 6;
/** For calls that were cut to put their files away. */
const tidyMs = 5000;

/** The composition root: opens the volume, then the doors. Rejects with what to do about it when something cannot be had. */
export async function startApp(options: AppOptions, logger: Logger): Promise<App> {
  const clock: Clock = Date.now;
  routeGrpcLog(logger);
  const metrics = prometheusMetrics();
  const calls = countedCalls(withLog(metrics.observer, logger));
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
  const scrubber = doubtScrubber(volume.layout, observer, logger);
  doubt = (blob) => scrubber.doubt(blob);
  distrustLeases = () => volume.distrustLeases();
  const watch = startVolumeWatch(volume, logger);
  const clockWatch = startClockWatch(volume.clock, options.leaseMs, logger);
  metrics.watchVolume({
    usage: () => volume.space.usage(),
    isWritable: () => watch.state().writable,
    quota: () => quotaOf(volume),
    clockSkewMs: () => volume.clock.skewMs(),
  });

  const thread = janitorThread(volume.layout.root, (steps) => observer.evictionStepped(steps));
  const measurer =
    options.volume.quotaBytes === undefined ? undefined : startMeasurer(thread, volume.space, logger);
  const canPush = [...options.listeners, ...options.httpListeners].some(({ role }) => role === 'push');
  const { indexOnly } = options.volume;
  const { ballastBytes } = options;
  const temporaryAges = { own: hour, kept: options.uploadResumeMs, foreign: 24 * hour };
  // Where nobody can push, nothing may be removed either.
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
  const bytesPerSecond = options.scrubBytesPerSecond;
  const scrub =
    canPush && bytesPerSecond > 0
      ? startBackgroundScrub({ layout: volume.layout, thread, bytesPerSecond, clock, observer, logger })
      : undefined;
  const renewing = every(hour, () => volume.renewMark(), logger);

  const renewingSpace = every(spaceEveryMs, () => volume.space.renew(), logger);

  const health = HealthState();
  let draining = false;
  const readiness = { current: () => readinessOf(watch.state(), draining) };
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
    renewing.stop();
    renewingSpace.stop();
    measurer?.stop();
    await others;
    // What is under way in the thread is cut, and nobody complains of it.
    const janitorEnded = janitor?.stop();
    await thread.stop();
    await janitorEnded;
    watch.stop();
    clockWatch.stop();
    await scrubber.stop();
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
          observer,
          logger,
        }),
      );
    }
    for (const listener of options.httpListeners) {
      if (listener.address.startsWith('unix:')) await clearSocketPath(listener.address.slice('unix:'.length));
      const parts = { blobs, intakes, values, actions, indexOnly, observer, logger };
      httpListeners.push(await openCacheListener(listener, parts));
    }
    if (options.opsListen !== undefined) {
      const sources = {
        readiness,
        logger,
        metricsContentType: metrics.contentType,
        metricsText: () => metrics.text(),
      };
      ops = await listening(opsServer(sources), options.opsListen);
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

/** Knows when no call is under way any more. */
function countedCalls(observer: Observer): { observer: Observer; ended(patienceMs: number): Promise<void> } {
  let underWay = 0;
  let whenNone: (() => void) | undefined;
  return {
    observer: {
      ...observer,
      callBegan(role) {
        underWay++;
        observer.callBegan(role);
      },
      callEnded(role) {
        observer.callEnded(role);
        if (--underWay === 0) whenNone?.();
      },
    },
    async ended(patienceMs) {
      if (underWay === 0) return;
      await new Promise<void>((resolve) => {
        whenNone = resolve;
        setTimeout(resolve, patienceMs).unref();
      });
    },
  };
}

/** Repeats a piece of maintenance; one that fails is logged and tried again next time. */
function every(milliseconds: number, work: () => Promise<unknown>, logger: Logger): { stop(): void } {
  let running = false;
  const run = async () => {
    if (running) return;
    running = true;
    await work().catch((error: unknown) => logger.error('maintenance failed', { error: String(error) }));
    running = false;
  };
  const timer = setInterval(() => void run(), milliseconds);
  timer.unref();
  void run();
  return { stop: () => clearInterval(timer) };
}

async function listening(server: Server, address: string): Promise<Server> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen('operations', address, cause)));
    server.listen(Number(address.slice(at + 1)), host, resolve);
  });
  return server;
}
