import { constants } from 'node:os';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

/** How a command hears that somebody wants it to stop. */
export interface Stopping {
  /** Aborts at the first signal; a second one, which does not wait for a disk that hangs, ends the process at once. */
  readonly signal: AbortSignal;
  /** 128 and the signal's number, as shells have it; undefined as long as there was none. */
  exitCode(): number | undefined;
}

export function stopOnSignals(): Stopping {
  const stopping = new AbortController();
  let code: number | undefined;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const before = code;
      code = 128 + constants.signals[signal];
      if (before !== undefined) process.exit(code);
      stopping.abort();
    });
  }
  return { signal: stopping.signal, exitCode: () => code };
}
