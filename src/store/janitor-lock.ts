import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { writeFully } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/**
 * Which of the servers on a volume does what one of them suffices for. It saves double work and nothing rests
 * on it: two that hold it for a while break no promise.
 *
 * A small file has the holder's name and a number that it counts up. Another takes it when that has stood still
 * for a while on its own clock, the one that nobody can set: what clocks of two machines say is never compared.
 */
export interface JanitorLock {
  /** Whether this server held it when it looked last, not so long ago that another may have taken it since. */
  holds(): boolean;
  /**
   * Takes it where nobody has it, or renews it; true when this server has it then. Asked for every `renewEveryMs`.
   * Rejects when it cannot be read or written.
   */
  keep(): Promise<boolean>;
  /** Gives it up, so that another has it at its next look. */
  release(): Promise<void>;
}

export const renewEveryMs = 3000;
const takeOverAfterMs = 15_000;
/** Of the number in the file, so that it is written in place: on a volume without any room too. */
const digits = 15;
/** A longer file is none of ours. */
const longestClaim = 256;

/** A lock that nobody holds yet here. */
export function janitorLock(layout: Layout): JanitorLock {
  const server = randomUUID();
  let count = 0;
  let renewedAt: number | undefined;
  let other = { claim: '', since: 0 };

  function isOurs(claim: string): boolean {
    return claim.startsWith(server);
  }

  /** Whether another server counts on. What makes no sense is taken for one until it has stood still as well. */
  function isAlive(claim: string): boolean {
    if (claim !== other.claim) other = { claim, since: performance.now() };
    return performance.now() - other.since < takeOverAfterMs;
  }

  function holds(): boolean {
    return renewedAt !== undefined && performance.now() - renewedAt < takeOverAfterMs;
  }

  async function claim(handle: FileHandle): Promise<boolean> {
    const askedAt = performance.now();
    const found = await readClaim(handle);
    // A process that stood still since it asked knows nothing: it looks again.
    if (performance.now() - askedAt > renewEveryMs) return holds();
    if (found !== '' && !isOurs(found) && isAlive(found)) {
      renewedAt = undefined;
      return false;
    }
    const next = Buffer.from(`${server} ${String(++count).padStart(digits, '0')}\n`);
    await writeFully(handle, next, 0);
    if (found.length > next.length) await handle.truncate(next.length);
    renewedAt = performance.now();
    return true;
  }

  return {
    holds,
    async keep() {
      try {
        return await withClaim(layout.janitorLock, constants.O_CREAT, claim);
      } catch (error) {
        renewedAt = undefined;
        throw volumeError(error, 'taking the lock of the janitor');
      }
    },
    async release() {
      if (renewedAt === undefined) return;
      renewedAt = undefined;
      try {
        await withClaim(layout.janitorLock, 0, async (handle) => {
          if (isOurs(await readClaim(handle))) await handle.truncate(0);
        });
      } catch (error) {
        if (!isAbsent(error)) throw volumeError(error, 'giving up the lock of the janitor');
      }
    },
  };
}

async function withClaim<T>(
  path: string,
  moreFlags: number,
  work: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | moreFlags, 0o600);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

/** Empty where nobody holds it. */
async function readClaim(handle: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(longestClaim), 0, longestClaim, 0);
  return buffer.toString('latin1', 0, bytesRead);
}
