import type { Logger } from '../core/observer.ts';
import type { VolumeClock } from '../store/volume-clock.ts';

const longestMs = 10_000;
const shortestMs = 250;

/** Compares our clock with the volume's again and again, and says when it is off and when it is right again. */
export function startClockWatch(clock: VolumeClock, leaseMs: number, logger: Logger): { stop(): void } {
  let comparing = false;
  let wasOff = false;

  function tell(): void {
    const isOff = clock.isOff();
    if (isOff === wasOff) return;
    wasOff = isOff;
    const fields = { seconds: clock.skewMs() / 1000 };
    if (isOff)
      logger.warn(
        'the clock of this machine is not that of the volume: set it. Until then this server removes nothing',
        fields,
      );
    else logger.info('the clock of this machine is that of the volume again', fields);
  }

  async function look(): Promise<void> {
    if (comparing) return;
    comparing = true;
    try {
      await clock.compare();
      tell();
    } catch (error) {
      logger.error('comparing the clocks failed', { error: String(error) });
    }
    comparing = false;
  }

  tell();
  const timer = setInterval(() => void look(), Math.max(shortestMs, Math.min(longestMs, leaseMs / 20)));
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
