import { type Doors, openDoors } from './app-doors.ts';
import { type AppOptions, canPush, leaseOf } from './app-options.ts';
import { version } from './cli/version.ts';
import type { Clock } from './core/clock.ts';
import type { Logger, Observer } from './core/observer.ts';
import { startClockWatch } from './janitor/clock-watch.ts';
import { every } from './janitor/repeating.ts';
import { openVolume } from './store/volume.ts';
import { countedCalls } from './telemetry/counted-calls.ts';
import { type HeardReport, withHearing } from './telemetry/heard.ts';
import { withLog } from './telemetry/logging-observer.ts';
import { prometheusMetrics } from './telemetry/metrics.ts';
import type { MetricsSnapshot } from './telemetry/summed-metrics.ts';
import { type WorkerDuties, workerLink } from './workers/worker-link.ts';

/** What a worker tells the first process of what it has counted. */
export interface WorkerReport {
  readonly metrics: MetricsSnapshot;
  /** Since the last report. */
  readonly heard: HeardReport;
}

const spaceEveryMs = 30_000;
/** For calls that were cut to put their files away. */
const tidyMs = 5000;

/**
 * One of the processes that answer the calls of a server. It has the volume's stores and the doors; what is done beside
 * calls, the first process does (app-fleet.ts), and the worker ends with that. A worker that cannot be one tells why, and
 * ends with 1.
 */
export async function runWorker(options: AppOptions, logger: Logger): Promise<void> {
  let duties: WorkerDuties<WorkerReport> | undefined;
  const link = workerLink(() => duties);
  process.on('uncaughtException', (error) => {
    logger.error('an error that nobody caught; the worker ends', { error: error.stack ?? error.message });
    link.endAfterLastWord();
  });
  try {
    const sockets = await link.ask('sockets', {});
    const clock: Clock = Date.now;
    const metrics = prometheusMetrics(version);
    const hearing = withHearing(withLog(metrics.observer, logger), clock);
    const calls = countedCalls(hearing.observer);
    const observer: Observer = {
      ...calls.observer,
      doubted(blob, reason) {
        calls.observer.doubted(blob, reason);
        // One of the wrong size is missing to everybody already.
        if (reason !== 'wrong-size') link.doubted(blob);
      },
    };
    const volume = await openVolume(
      {
        ...options.volume,
        ...leaseOf(options),
        keepsUploads: options.uploadResumeMs > 0,
        isServer: false,
        onVerified: (blob, file) => link.verified(blob, file),
      },
      clock,
      observer,
      logger,
    );
    const { space } = volume;
    if (canPush(options))
      space.askForRoom(async (bytes) => {
        const { made, pins } = await link.ask('makeRoom', { bytes });
        if (pins !== undefined) space.pinned(pins);
        return made;
      });
    let wasMeasured = false;
    if (options.volume.quotaBytes !== undefined)
      space.askForMeasuring(async () => {
        await link.ask('measure', { everything: !wasMeasured });
        wasMeasured = true;
      });
    const clockWatch = startClockWatch(volume.clock, options.leaseMs, logger);
    const renewing = every(spaceEveryMs, () => space.renew(), logger);
    let doors: Doors | undefined;
    duties = {
      count: async () => ({ metrics: await metrics.snapshot(), heard: hearing.take() }),
      beginMeasuring: () => space.beginMeasuring(),
      distrust: () => volume.distrustLeases(),
      learnVerified: (blob, file) => volume.learnVerified(blob, file),
      async stop() {
        await doors?.drain();
        await calls.ended(tidyMs);
        void renewing.stop();
        clockWatch.stop();
        await volume.close();
      },
    };
    doors = await openDoors(options, {
      volume,
      observer,
      logger,
      inPlace: async (address, listen) => await listen(sockets[address] ?? address),
    });
    link.keepTelling(() => calls.hadSome());
    const { listeners, httpListeners } = doors;
    link.serving({ listeners, httpListeners });
  } catch (error) {
    await link.cannotServe(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}
