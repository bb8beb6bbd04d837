import type { App } from './app.ts';
import type { Logger } from './core/observer.ts';

/** Signals that ask a server to end in order. A second one ends it at once. */
const stopSignals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a started server until it is asked to stop, and ends the process: 0 after an orderly stop,
 * 1 when something broke that nobody expected.
 */
export function runUntilStopped(app: App, logger: Logger): void {
  let stopping = false;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      logger.info('stopping', { signal });
      app.stop().then(
        () => {
          logger.info('stopped');
          process.exit(0);
        },
        (error: unknown) => {
          logger.error('the stop failed', { error: String(error) });
          process.exit(1);
        },
      );
    });
  }
  // The state of a process after such an error is unknown; everything that counts is on the volume.
  process.on('uncaughtException', (error) => {
    logger.error('an error that nobody caught; the process ends', { error: error.stack ?? error.message });
    process.exit(1);
  });
}
