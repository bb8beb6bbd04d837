import type { Keeper, OtherProcesses } from './app-keeper.ts';
import type { App, AppOptions } from './app-options.ts';
import type { Logger } from './core/observer.ts';
import { type SocketPlace, socketPlace } from './grpc/socket-file.ts';
import { errnoOf } from './store/volume-error.ts';
import { goneMetrics } from './telemetry/summed-metrics.ts';
import { fleet } from './workers/fleet.ts';
import type { WorkerReport } from './app-worker.ts';

/** For workers to end by themselves after the time to drain is up: their calls are cut then, and put their files away. */
const endPatienceMs = 15_000;

/**
 * A server whose calls are answered by workers: this process keeps the volume, and answers none. Rejects with what to do
 * about it when something cannot be had.
 */
export async function startFleet(options: AppOptions, logger: Logger): Promise<App> {
  const gone = goneMetrics();
  const hopeless = Promise.withResolvers<string>();
  const places = await socketPlaces(options);
  /** Workers are let at the volume once it has been opened here. */
  const opened = Promise.withResolvers<void>();
  let stopping = false;
  let keeper: Keeper | undefined;
  let opsPort: number | undefined;

  const workers = fleet<WorkerReport>({
    count: options.workers,
    answers: {
      async sockets() {
        await opened.promise;
        if (stopping) throw new Error('the server stops');
        return Object.fromEntries([...places].map(([at, { own }]) => [at, own]));
      },
      async makeRoom({ bytes }) {
        const made = (await keeper?.makeRoom(bytes)) ?? 'not-now';
        return { made, pins: keeper?.volume.space.pins() };
      },
      async measure({ everything }) {
        await keeper?.measure(everything);
        return {};
      },
    },
    async onListening() {
      await Promise.all([...places.values()].map(takeUnlessTaken));
      keeper?.begin();
    },
    onCounted: ({ heard }) => keeper?.remembered.heard(heard),
    onEnded(last, asked) {
      if (last !== undefined) gone.add(last.metrics);
      if (!asked) keeper?.metrics.workerEnded();
    },
    onDoubted: (blob) => keeper?.doubt(blob),
    onHopeless: (reason) => hopeless.resolve(reason),
    logger,
  });
  const others: OtherProcesses = {
    serving: () => ({ now: workers.serving(), wanted: options.workers }),
    refresh: () => workers.count(),
    snapshots: () => [...workers.reports().map(({ metrics }) => metrics), gone.snapshot()],
    beginMeasuring: () => workers.beginMeasuring(),
    quarantined: () => workers.tell({ kind: 'quarantined' }),
  };

  async function stop(): Promise<void> {
    stopping = true;
    // Those that are still loading hear nothing yet: they end when they ask.
    opened.resolve();
    const yielded = keeper?.yield();
    await workers.stop(options.drainMs + endPatienceMs);
    await yielded;
    await keeper?.close();
  }

  try {
    // They load their code while this process loads its own.
    const started = workers.start();
    started.catch(() => {});
    const { openKeeper } = await import('./app-keeper.ts');
    keeper = await openKeeper(options, logger, others);
    opened.resolve();
    const { listeners, httpListeners } = await started;
    opsPort = await keeper.openOps();
    return { listeners, httpListeners, opsPort, failed: hopeless.promise, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The socket files, by their addresses: bound once for all workers, and put in place by this process. */
async function socketPlaces({ listeners, httpListeners }: AppOptions): Promise<Map<string, SocketPlace>> {
  const places = new Map<string, SocketPlace>();
  for (const { address } of [...listeners, ...httpListeners]) {
    const place = await socketPlace(address);
    if (place !== undefined) places.set(address, place);
  }
  return places;
}

/** They are bound anew only when no worker was left. */
async function takeUnlessTaken(place: SocketPlace): Promise<void> {
  try {
    await place.take();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
