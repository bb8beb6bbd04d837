import { randomBytes } from 'node:crypto';
import { chmod, lstat, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CacheError } from '../core/cache-error.ts';

export const unixPrefix = 'unix:';
/** The proxy in front is in our group; nobody else may talk to us. */
const socketMode = 0o660;
/** What the kernel takes; more is cut off without a word, and the socket is elsewhere. Bytes. */
const longestPath = 107;

/** A socket file that is bound under a name of its own first, and then takes its place. */
export interface SocketPlace {
  /** What to bind, as an address. */
  readonly own: string;
  /** To be called when that is bound; again, when it was bound anew. Rejects with ENOENT when it is not bound, or is in place already. */
  take(): Promise<void>;
}

/**
 * How to listen on an address of a socket file; undefined for another one. The file takes its place in one step, from
 * whatever server was there before: at no moment is there none, and the other, which unlinks the name that it has bound
 * when it stops, unlinks nothing of ours. Rejects when the path cannot be a socket's, or when something else is there.
 */
export async function socketPlace(address: string): Promise<SocketPlace | undefined> {
  if (!address.startsWith(unixPrefix)) return undefined;
  const path = address.slice(unixPrefix.length);
  // With a letter that is in no number: Node takes a path that looks like one, such as .70433e65, for a port.
  const own = join(dirname(path), `.w${randomBytes(4).toString('hex')}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(own)) > longestPath) {
    throw cannotListen(path, `the path of a socket has at most ${longestPath} bytes`);
  }
  const stats = await lstat(path).catch(() => undefined);
  if (stats !== undefined && !stats.isSocket())
    throw cannotListen(path, 'something is there that is no socket');
  return {
    own: unixPrefix + own,
    async take() {
      await chmod(own, socketMode);
      await rename(own, path);
    },
  };
}

/** Listens on an address, a socket file's in its place; `listen` is given the one to bind, and what it resolves with is passed on. */
export async function listenInPlace<T>(address: string, listen: (address: string) => Promise<T>): Promise<T> {
  const place = await socketPlace(address);
  if (place === undefined) return await listen(address);
  const listening = await listen(place.own);
  await place.take();
  return listening;
}

function cannotListen(path: string, reason: string): CacheError {
  return new CacheError('unavailable', `cannot listen on unix:${path}: ${reason}`);
}
