// A client of the kind that builds have: it tries again where the server says that it is not there just now.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc';
import { type HttpAnswer, ask, type HttpQuestion } from './http-cache.ts';
import { type Blob, type Clients, clientsAt, downloadName, read, uploadName, writeRequests } from './wire.ts';

/** How often a call is tried, and how long a client waits in between: a second, and twice as long each time, up to ten. */
const mostTries = 20;
const firstDelayMs = 1000;
const longestDelayMs = 10_000;

/** What a client went through. */
export interface Experience {
  calls: number;
  /** Calls that were answered UNAVAILABLE, or 503 over HTTP, and were made again. */
  repeated: number;
  /** Uploads that were gone on with where they had been cut. */
  resumed: number;
  /** The most that one call was tried. */
  mostTries: number;
}

/** Calls through nginx, each tried again while the answer is UNAVAILABLE; rejects with any other failure, and with the last of these. */
export class CacheClient {
  readonly experience: Experience = { calls: 0, repeated: 0, resumed: 0, mostTries: 1 };
  readonly #clients: Clients;

  constructor(address: string, credentials: ChannelCredentials) {
    this.#clients = clientsAt(address, credentials);
  }

  close(): void {
    this.#clients.close();
  }

  /** One call, whatever it is. */
  async call<T>(make: (clients: Clients) => Promise<T>): Promise<T> {
    return await this.#tried(async () => await make(this.#clients));
  }

  async download(blob: Blob): Promise<Buffer> {
    return await this.call(async (clients) => await read(clients, downloadName(blob)));
  }

  /** An upload by ByteStream. `between` is called between its messages. */
  async upload(blob: Blob, between: () => Promise<void> = async () => {}): Promise<void> {
    const name = uploadName(blob, '', randomUUID());
    await this.#tried(async (tries) => {
      const from = tries === 1 ? 0 : await this.#committed(name);
      if (from === blob.data.length) return;
      if (from > 0) this.experience.resumed++;
      await this.#clients.bytes.write(messages(name, blob.data, from, between));
    });
  }

  /** Over HTTP, where 503 is the word for it. `address` is that of a listener of nginx. */
  async http(method: string, url: string, question: HttpQuestion): Promise<HttpAnswer> {
    return await this.#tried(async () => {
      const answer = await ask(method, url, question);
      if (answer.status === 503) throw new NotReady();
      return answer;
    });
  }

  async #committed(resourceName: string): Promise<number> {
    const status = await this.#clients.bytes.queryWriteStatus({ resourceName }).catch((error: unknown) => {
      if (error instanceof ClientError && error.code === Status.NOT_FOUND) return undefined;
      throw error;
    });
    return Number(status?.committedSize ?? 0);
  }

  async #tried<T>(attempt: (tries: number) => Promise<T>): Promise<T> {
    this.experience.calls++;
    for (let tries = 1; ; tries++) {
      this.experience.mostTries = Math.max(this.experience.mostTries, tries);
      try {
        return await attempt(tries);
      } catch (error) {
        if (!isNotReady(error) || tries === mostTries) throw error;
        this.experience.repeated++;
        await sleep(Math.min(firstDelayMs * 2 ** (tries - 1), longestDelayMs));
      }
    }
  }
}

class NotReady extends Error {}

function isNotReady(error: unknown): boolean {
  return error instanceof NotReady || (error instanceof ClientError && error.code === Status.UNAVAILABLE);
}

async function* messages(name: string, data: Uint8Array, from: number, between: () => Promise<void>) {
  for await (const request of writeRequests(name, data.subarray(from))) {
    const writeOffset = request.writeOffset + BigInt(from);
    yield { ...request, resourceName: name, writeOffset };
    if (!request.finishWrite) await between();
  }
}
