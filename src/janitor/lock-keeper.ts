import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger, Observer } from '../core/observer.ts';
import { type JanitorLock, renewEveryMs } from '../store/janitor-lock.ts';
import { repeat } from './repeating.ts';

/** Keeps the lock of the janitor, or waits for it. */
export interface LockKeeper {
  /**
   * Whether this server's janitor does what one for all servers suffices for. Where there is no lock to be had, because
   * its file cannot be read or written, every janitor does it: twice is better than never.
   */
  mayWork(): boolean;
  /** Gives the lock up at once. */
  stop(): Promise<void>;
}

/** A volume that hangs must not keep a server from ending. */
const stopPatienceMs = 2000;

/** Begins to ask for the lock, for as long as the server runs; it is left to others while `isFit` says that this one should not work. */
export function keepLock(
  lock: JanitorLock,
  isFit: () => boolean,
  observer: Observer,
  logger: Logger,
): LockKeeper {
  let held: boolean | undefined;
  let failure = '';
  let stopped = false;

  async function look(): Promise<number> {
    try {
      const holds = isFit() && (await lock.keep());
      if (!holds && held === true) await lock.release();
      failure = '';
      if (holds !== held)
        logger.info(
          holds
            ? 'the janitor of this server works now'
            : 'the janitor of another server works, the one of this server waits',
        );
      held = holds;
    } catch (error) {
      if (String(error) !== failure)
        logger.warn('the lock of the janitor cannot be had: it works without', { error: String(error) });
      failure = String(error);
      held = undefined;
    }
    observer.janitorLock(held === true);
    return renewEveryMs;
  }

  const looking = repeat(look);

  async function release(): Promise<void> {
    await looking.stop();
    await lock.release();
    observer.janitorLock(false);
  }

  return {
    mayWork: () => !stopped && isFit() && (lock.holds() || failure !== ''),
    async stop() {
      stopped = true;
      const patience = sleep(stopPatienceMs, undefined, { ref: false });
      await Promise.race([release(), patience]).catch((error: unknown) =>
        logger.warn('the lock of the janitor was not given up', { error: String(error) }),
      );
    },
  };
}
