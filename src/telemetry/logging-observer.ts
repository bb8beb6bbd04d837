import { identityFields, type Logger, type Observer } from '../core/observer.ts';

/** However many uploads are refused: one line in so many milliseconds, which counts them. */
const refusalLineEveryMs = 60_000;

/** The same observer, with a log line for what an operator wants to read about: pushes, quarantine, a full volume. */
export function withLog(observer: Observer, logger: Logger): Observer {
  let refusals = 0;
  let lastRefusalLine = -Infinity;
  return {
    ...observer,
    pushed(push) {
      observer.pushed(push);
      const { identity, missing, request, ...what } = push;
      const whole = missing.length === 0;
      logger[whole ? 'info' : 'warn'](whole ? 'pushed' : 'pushed before all of it was here', {
        ...what,
        ...(!whole && { missing: missing.length, firstMissing: missing[0] }),
        fingerprint: '',
        subject: '',
        ...(identity && identityFields(identity)),
        ...request,
      });
    },
    doubted(blob, doubt) {
      observer.doubted(blob, doubt);
      // Anybody can cause this by claiming another size: a line only for those who ask for all.
      logger.debug('a stored blob is in doubt', { blob, doubt });
    },
    refusedForSpace(message) {
      observer.refusedForSpace(message);
      refusals++;
      // BuildStream takes a refused push for one that was not needed: without a line nobody would know.
      if (performance.now() - lastRefusalLine < refusalLineEveryMs) return;
      logger.warn('uploads are refused for want of room', { uploads: refusals, reason: message });
      lastRefusalLine = performance.now();
      refusals = 0;
    },
    promiseBroken(blob) {
      observer.promiseBroken(blob);
      logger.error(
        'a promised blob is gone: something other than Weir removes files of this volume; all blobs are looked at again',
        { blob },
      );
    },
    quarantined(blob) {
      observer.quarantined(blob);
      logger.warn('a damaged blob was set aside; the next upload of it heals the cache', { blob });
    },
  };
}
