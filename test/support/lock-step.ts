import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { type Blob, type Clients, uploadName } from './wire.ts';

/** For the servers to take in a step before the next one comes: else the first to begin would be far ahead. */
const stepMs = 20;

/** Where all who take part wait for each other, again and again. */
interface Barrier {
  /** Resolves when all who take part have come. */
  all(): Promise<void>;
  /** One takes part no more. */
  leave(): void;
}

/**
 * Uploads blobs side by side, each of which waits for all others after so many bytes; resolves with how each ended.
 * Blobs go to the clients in turns.
 */
export async function pushInStep(
  clients: readonly Clients[],
  blobs: readonly Blob[],
  stepBytes: number,
): Promise<PromiseSettledResult<unknown>[]> {
  const barrier = barrierOf(blobs.length);
  const uploads = blobs.map(async (blob, index) => {
    const { bytes } = clients[index % clients.length] as Clients;
    try {
      await bytes.write(requestsInStep(blob, stepBytes, barrier));
    } finally {
      barrier.leave();
    }
  });
  return await Promise.allSettled(uploads);
}

async function* requestsInStep(
  blob: Blob,
  stepBytes: number,
  barrier: Barrier,
): AsyncGenerator<WriteRequest> {
  const { data } = blob;
  for (let offset = 0; offset < data.length; offset += stepBytes) {
    await barrier.all();
    const end = Math.min(data.length, offset + stepBytes);
    yield {
      resourceName: offset === 0 ? uploadName(blob) : '',
      writeOffset: BigInt(offset),
      finishWrite: end === data.length,
      data: data.subarray(offset, end),
    };
  }
}

function barrierOf(count: number): Barrier {
  let [taking, waiting] = [count, [] as (() => void)[]];
  function open(): void {
    if (waiting.length < taking) return;
    const all = waiting;
    waiting = [];
    void sleep(stepMs).then(() => all.forEach((goOn) => goOn()));
  }
  return {
    all: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        open();
      }),
    leave() {
      taking--;
      open();
    },
  };
}
