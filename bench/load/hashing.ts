// How fast this machine computes SHA-256: what an upload of a large blob takes at least.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Round } from '../results.ts';
import { largeBlobBytes } from './large-blobs.ts';

/** So that a round takes about a second. */
const blobsEach = 16;

/** As many threads as Weir has workers by default, each of which hashes large blobs. Units are GiB. */
export async function hashOnEachCore(): Promise<Round> {
  const threads = Array.from({ length: availableParallelism() }, () => new HashingThread());
  try {
    await Promise.all(threads.map((thread) => thread.reply()));
    const before = process.cpuUsage();
    const begin = performance.now();
    await Promise.all(threads.map((thread) => thread.hash(blobsEach)));
    const seconds = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(before);
    const units = (threads.length * blobsEach * largeBlobBytes) / 1024 ** 3;
    return { units, seconds, cpuSeconds: (user + system) / 1e6 };
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** It says once that it is ready, and once after each request that it has done it. */
class HashingThread {
  readonly #worker = new Worker(new URL('./hashing-thread.ts', import.meta.url), {
    workerData: largeBlobBytes,
  });

  /** The next thing that it says. Rejects when it fails. */
  reply(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', () => resolve()).once('error', reject);
    });
  }

  hash(blobs: number): Promise<void> {
    this.#worker.postMessage(blobs);
    return this.reply();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
