import { setTimeout as sleep } from 'node:timers/promises';
import { CacheError, type CacheErrorKind } from '../core/cache-error.ts';

/** How often, and how patiently, a call is made again that could not be answered just now. */
export interface RetryRules {
  /** After the first. */
  readonly tries: number;
  /** Before the second try; twice as long before each further one, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export const usualPauses = { firstMs: 500, longestMs: 15_000 };

const passing: ReadonlySet<CacheErrorKind> = new Set(['unavailable', 'resource-exhausted', 'aborted']);

/** Whether a later try may go better. */
export function mayPass(error: unknown): boolean {
  return error instanceof CacheError && passing.has(error.kind);
}

/** Makes the call until it succeeds, fails for good, or was made often enough; `attempt` counts from 0. Rejects as the last one did. */
export async function withRetries<T>(
  rules: RetryRules,
  signal: AbortSignal,
  call: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || attempt >= rules.tries) throw error;
    }
    await pause(rules, attempt, signal);
  }
}

/** Before the try after this one. Not all of those who wait come back at the same moment. */
export async function pause(
  { firstMs, longestMs }: RetryRules,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const longest = Math.min(longestMs, firstMs * 2 ** attempt);
  await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal });
}
