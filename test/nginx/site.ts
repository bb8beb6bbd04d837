// A small gRPC server in weir's place, on the two sockets, so that tests see what nginx passes on and decide
// when which byte moves; and nginx before it.
import { ChannelCredentials } from '@grpc/grpc-js';
import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServerError, Status, createChannel, createClient, createServer } from 'nice-grpc';
import type { CallContext, Channel, Metadata, Server } from 'nice-grpc';
import { ByteStreamDefinition } from '../../src/gen/google/bytestream/bytestream.ts';
import type { ByteStreamClient, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import type { TestPair } from '../support/certificates.ts';
import { readPair } from '../support/certificates.ts';
import { startNginx } from '../support/nginx.ts';
import type { RunningNginx } from '../support/nginx.ts';

export type Listener = 'pull' | 'push';

/** A call as it arrived behind nginx. */
export interface SeenCall {
  listener: Listener;
  metadata: Metadata;
}

export class Backend {
  readonly calls: SeenCall[] = [];
  /** Of all writes, as they arrive. */
  receivedBytes = 0;
  readonly #events = new EventEmitter();
  readonly #servers: Server[] = [];
  readonly #socketsDir: string;
  #readsAllowed = 0;

  constructor(socketsDir: string) {
    this.#socketsDir = socketsDir;
  }

  async start(): Promise<void> {
    for (const listener of ['pull', 'push'] as const) {
      const server = createServer();
      server.add(ByteStreamDefinition, {
        read: (request, context) => this.#read(listener, request.resourceName, context),
        write: async (requests, context) => await this.#write(listener, requests, context),
        queryWriteStatus: (_request, context) => {
          this.#saw(listener, context);
          return Promise.resolve({ committedSize: 0n, complete: false });
        },
      });
      await server.listen(`unix:${join(this.#socketsDir, `${listener}.sock`)}`);
      this.#servers.push(server);
    }
  }

  stop(): void {
    for (const server of this.#servers.splice(0)) server.forceShutdown();
  }

  /** Lets one more message of a `drip` read go out. */
  allowRead(): void {
    this.#readsAllowed++;
    this.#events.emit('change');
  }

  /** Resolves once so many bytes have been written here in all. */
  async received(bytes: number): Promise<void> {
    while (this.receivedBytes < bytes) await once(this.#events, 'change');
  }

  lastCall(): SeenCall {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error('no call has arrived');
    return call;
  }

  #saw(listener: Listener, context: CallContext): void {
    this.calls.push({ listener, metadata: context.metadata });
    this.#events.emit('change');
  }

  /** `drip`: one byte per allowRead() until the client has enough. `<count>`: that many messages of 1 MiB. */
  async *#read(listener: Listener, name: string, context: CallContext) {
    this.#saw(listener, context);
    if (name === 'drip') {
      for (;;) {
        while (this.#readsAllowed === 0) await once(this.#events, 'change', { signal: context.signal });
        this.#readsAllowed--;
        yield { data: Buffer.from('.') };
      }
    }
    for (let index = 0; index < Number(name); index++) yield { data: mebibyte(index) };
  }

  /** `early`, `full`: answers, or refuses, after the first message. Anything else: when the client has finished. */
  async #write(listener: Listener, requests: AsyncIterable<WriteRequest>, context: CallContext) {
    this.#saw(listener, context);
    let size = 0;
    for await (const request of requests) {
      size += request.data.length;
      this.receivedBytes += request.data.length;
      this.#events.emit('change');
      if (request.resourceName === 'early') break;
      if (request.resourceName === 'full') throw new ServerError(Status.RESOURCE_EXHAUSTED, 'disk full');
    }
    return { committedSize: BigInt(size) };
  }
}

/** One MiB that differs from its neighbours. */
export function mebibyte(index: number): Buffer {
  return Buffer.alloc(1024 * 1024, `${index},`);
}

export interface Site {
  backend: Backend;
  nginx: RunningNginx;
  certsDir: string;
  /** The pair that `certs init` made and authorised. */
  firstClient: TestPair;
  /** A client on a connection of its own. */
  client(listener: Listener, pair?: TestPair): Promise<ByteStreamClient>;
  /** The texts that a TLS client needs. */
  serverCertificate(): Promise<string>;
}

/** Starts both, and ends them (and every client) with the test. */
export async function startSite(t: TestContext): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-nginx-'));
  const certsDir = join(folder, 'certs');
  const socketsDir = join(folder, 'sockets');
  await mkdir(socketsDir);
  const backend = new Backend(socketsDir);
  await backend.start();
  const nginx = await startNginx({ socketsDir, certsDir, workDir: join(folder, 'work') });
  const channels: Channel[] = [];
  t.after(async () => {
    for (const channel of channels) channel.close();
    backend.stop();
    await nginx.stop();
    // A test of the configuration that the watcher had begun may still write here.
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
  });
  const serverCertificate = async () => await readFile(join(certsDir, 'server.crt'), 'utf8');
  return {
    backend,
    nginx,
    certsDir,
    serverCertificate,
    firstClient: await readPair(join(certsDir, 'client.crt'), join(certsDir, 'client.key')),
    client: async (listener, pair) => {
      const root = Buffer.from(await serverCertificate());
      const credentials = pair
        ? ChannelCredentials.createSsl(root, Buffer.from(pair.keyPem), Buffer.from(pair.certificatePem))
        : ChannelCredentials.createSsl(root);
      const port = listener === 'pull' ? nginx.pullPort : nginx.pushPort;
      // Channels to one address share connections unless their pools are their own.
      const channel = createChannel(`https://localhost:${port}`, credentials, {
        'grpc.use_local_subchannel_pool': 1,
      });
      channels.push(channel);
      return createClient(ByteStreamDefinition, channel);
    },
  };
}
