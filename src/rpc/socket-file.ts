import { lstat, rm } from 'node:fs/promises';
import { CacheError } from '../core/cache-error.ts';

/** What the kernel takes; more is cut off without a word, and the socket is elsewhere. Bytes. */
const longestPath = 107;

/**
 * A killed process leaves its socket file behind, and binding to it would fail for ever: it is taken
 * away. Rejects when the path cannot be a socket's, or when something else is there: that stays.
 */
export async function clearSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw cannotListen(path, `the path of a socket has at most ${longestPath} bytes`);
  }
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw cannotListen(path, 'something is there that is no socket');
  await rm(path, { force: true });
}

function cannotListen(path: string, reason: string): CacheError {
  return new CacheError('unavailable', `cannot listen on unix:${path}: ${reason}`);
}
