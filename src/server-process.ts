import type { App, AppOptions } from './app-options.ts';
import type { Logger } from './core/observer.ts';
import { isWorker, workerId } from './workers/worker-link.ts';

export { workerId };

/** Signals that ask a server to end in order. A second one ends it at once. */
const stopSignals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Starts a server, which then runs until it is asked to stop, and ends the process: with 0 after an orderly stop, with 1
 * when something broke that nobody expected. Undefined in a worker, which does as the first process of its server says.
 */
export async function startServer(options: AppOptions, logger: Logger): Promise<App | undefined> {
  if (isWorker) {
    const { runWorker } = await import('./app-worker.ts');
    await runWorker(options, logger);
    return undefined;
  }
  const start =
    options.workers === 1 ? (await import('./app.ts')).startApp : (await import('./app-fleet.ts')).startFleet;
  const app = await start(options, logger);
  runUntilStopped(app, logger);
  return app;
}

function runUntilStopped(app: App, logger: Logger): void {
  let stopping = false;

  function stop(exitCode: number): void {
    app.stop().then(
      () => {
        logger.info('stopped');
        process.exit(exitCode);
      },
      (error: unknown) => {
        logger.error('the stop failed', { error: String(error) });
        process.exit(1);
      },
    );
  }

  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      logger.info('stopping', { signal });
      stop(0);
    });
  }
  async function stopWhenFailed(): Promise<void> {
    const reason = await app.failed;
    if (stopping) return;
    stopping = true;
    logger.error(`${reason}; the server ends`);
    stop(1);
  }

  void stopWhenFailed();
  // The state of a process after such an error is unknown; everything that counts is on the volume.
  process.on('uncaughtException', (error) => {
    logger.error('an error that nobody caught; the process ends', { error: error.stack ?? error.message });
    process.exit(1);
  });
}
