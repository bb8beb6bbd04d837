import { CacheError } from './cache-error.ts';

/** Why an address cannot be listened on, and what to look at. `what` says which listener it is for. */
export function cannotListen(what: string, address: string, cause: unknown): CacheError {
  const reason = /E[A-Z]{4,}/.exec(String(cause))?.[0] ?? String(cause);
  const advice = reason === 'EADDRINUSE' ? '; is another server running there?' : '';
  return new CacheError('unavailable', `cannot listen for ${what} on ${address}: ${reason}${advice}`, {
    cause,
  });
}
