import { randomBytes } from 'node:crypto';
import { chmod, lstat, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CacheError } from '../core/cache-error.ts';

export const unixPrefix = 'unix:';
/** The proxy in front is in our group; nobody else may talk to us. */
const socketMode = 0o660;
/** What the kernel takes; more is cut off without a word, and the socket is elsewhere. Bytes. */
const longestPath = 107;

/**
 * Listens on an address; `listen` is given the one to bind, and what it resolves with is passed on. A socket file is
 * bound under a name of its own and then takes its place in one step, from whatever server was there before: at no
 * moment is there none, and the other, which unlinks the name that it has bound when it stops, unlinks nothing of
 * ours. Rejects when the path cannot be a socket's, or when something else is there: that stays.
 */
export async function listenInPlace<T>(address: string, listen: (address: string) => Promise<T>): Promise<T> {
  if (!address.startsWith(unixPrefix)) return await listen(address);
  const path = address.slice(unixPrefix.length);
  const own = join(dirname(path), `.${randomBytes(4).toString('hex')}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(own)) > longestPath) {
    throw cannotListen(path, `the path of a socket has at most ${longestPath} bytes`);
  }
  const stats = await lstat(path).catch(() => undefined);
  if (stats !== undefined && !stats.isSocket())
    throw cannotListen(path, 'something is there that is no socket');
  const listening = await listen(unixPrefix + own);
  await chmod(own, socketMode);
  await rename(own, path);
  return listening;
}

function cannotListen(path: string, reason: string): CacheError {
  return new CacheError('unavailable', `cannot listen on unix:${path}: ${reason}`);
}
