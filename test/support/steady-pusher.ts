import { setTimeout as sleep } from 'node:timers/promises';
import { type Acknowledged, push } from './acknowledged.ts';
import type { CacheClient } from './cache-client.ts';
import { eventually } from './eventually.ts';

/** Between two pushes of one user: builds do other things too. */
const pauseMs = 30;

/** Pushes, one after the other, until it is told to stop. */
export class SteadyPusher {
  readonly #client: CacheClient;
  readonly #ended: Promise<void>;
  readonly acknowledged: Acknowledged[] = [];
  failure: unknown;
  #stopping = false;

  /** It begins at once. `prefix` is that of its references' keys. */
  constructor(client: CacheClient, prefix: string) {
    this.#client = client;
    this.#ended = this.#run(prefix).catch((error: unknown) => {
      this.failure = error;
    });
  }

  async #run(prefix: string): Promise<void> {
    while (!this.#stopping) {
      this.acknowledged.push(await push(this.#client, `${prefix}/${this.acknowledged.length}`));
      await sleep(pauseMs);
    }
  }

  /** Resolves when it has pushed something from beginning to end. */
  async advanced(): Promise<void> {
    const before = this.acknowledged.length;
    await eventually(() => this.failure !== undefined || this.acknowledged.length > before + 1);
  }

  /** How often a call had to be made again. Rejects with what failed. */
  async stop(): Promise<number> {
    this.#stopping = true;
    await this.#ended;
    this.#client.close();
    if (this.failure !== undefined) throw this.failure;
    return this.#client.experience.repeated;
  }
}
