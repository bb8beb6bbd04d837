import { CacheError } from '../core/cache-error.ts';

/** Aborts when the time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The time begins anew. */
  restart(): void;
  /** Until restart() no time passes. */
  stop(): void;
}

/** `sentence` says what took too long; the signal's reason has it. */
export function deadline(milliseconds: number, sentence: string): Deadline {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expire = () => controller.abort(new CacheError('unavailable', sentence));
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(expire, milliseconds);
  };
  restart();
  return { signal: controller.signal, restart, stop: () => clearTimeout(timer) };
}
