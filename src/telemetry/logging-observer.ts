import type { Logger, Observer } from '../core/observer.ts';

/** The same observer, with a log line for what an operator wants to read about: pushes and quarantine. */
export function withLog(observer: Observer, logger: Logger): Observer {
  return {
    ...observer,
    pushed(push) {
      observer.pushed(push);
      const { identity, ...what } = push;
      logger.info('pushed', {
        ...what,
        fingerprint: identity?.fingerprint ?? '',
        subject: identity?.subject ?? '',
      });
    },
    doubted(hash, doubt) {
      observer.doubted(hash, doubt);
      // Anybody can cause this by claiming another size: a line only for those who ask for all.
      logger.debug('a stored blob is in doubt', { hash, doubt });
    },
    quarantined(hash) {
      observer.quarantined(hash);
      logger.warn('a damaged blob was set aside; the next upload of it heals the cache', { hash });
    },
  };
}
