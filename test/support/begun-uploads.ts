import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { eventually } from './eventually.ts';
import { type Blob, type Clients, uploadName } from './wire.ts';

/** Uploads whose clients have sent a part, and then nothing, or a little now and then. */
export interface BegunUploads {
  /** How many calls are over. */
  ended(): number;
  /** The clients send the rest at once; rejects when one is not taken. */
  finish(): Promise<void>;
  /** The clients go away; resolves when all calls are over. */
  breakOff(): Promise<void>;
}

/** How clients begin. */
export interface Beginning {
  readonly firstBytes: number;
  /** What they send twice a second from then on. */
  readonly thenBytes?: number;
  /** Of the only upload; else each has a new one. */
  readonly name?: string;
}

const everyMs = 500;

/** Begins uploads of blobs; resolves when the first bytes of all are on the volume. */
export async function beginUploads(
  clients: Clients,
  volume: string,
  blobs: readonly Blob[],
  { firstBytes, thenBytes = 0, name }: Beginning,
): Promise<BegunUploads> {
  const leaving = new AbortController();
  const hurrying = new AbortController();
  let ended = 0;

  async function* requests(blob: Blob): AsyncGenerator<WriteRequest> {
    const { data } = blob;
    const stop = AbortSignal.any([leaving.signal, hurrying.signal]);
    for (let [offset, end] = [0, firstBytes]; ; [offset, end] = [end, end + thenBytes]) {
      if (hurrying.signal.aborted) end = offset + 64 * 1024;
      end = Math.min(end, data.length);
      yield {
        resourceName: offset === 0 ? (name ?? uploadName(blob)) : '',
        writeOffset: BigInt(offset),
        finishWrite: end === data.length,
        data: data.subarray(offset, end),
      };
      if (end === data.length) return;
      await sleep(thenBytes === 0 ? 2 ** 30 : everyMs, undefined, { signal: stop }).catch(() => {});
      if (leaving.signal.aborted) return;
    }
  }

  const calls = blobs.map(async (blob) => {
    try {
      await clients.bytes.write(requests(blob), { signal: leaving.signal });
    } finally {
      ended++;
    }
  });
  const over = Promise.allSettled(calls);
  try {
    await eventually(async () => (await filesWith(join(volume, 'tmp'), firstBytes)) >= blobs.length);
  } catch (error) {
    leaving.abort();
    throw error;
  }
  return {
    ended: () => ended,
    async finish() {
      hurrying.abort();
      await Promise.all(calls);
    },
    async breakOff() {
      leaving.abort();
      await over;
    },
  };
}

async function filesWith(folder: string, leastBytes: number): Promise<number> {
  let count = 0;
  for (const name of await readdir(folder)) {
    // Of those that had been broken off before.
    if (name.startsWith('weir-kept-')) continue;
    const stats = await lstat(join(folder, name)).catch(() => undefined);
    if (stats !== undefined && stats.size >= leastBytes) count++;
  }
  return count;
}
