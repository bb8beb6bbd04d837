import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelCredentials } from '@grpc/grpc-js';
import { type Clients, clientsAt } from '../../test/support/wire.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { endProcesses, type Usage, usageOf } from './process-tree.ts';
import type { ServerKind, TlsPair } from './server-kind.ts';

const startPatienceMs = 60_000;
const stopPatienceMs = 30_000;

/** A running server with a fresh volume. */
export interface Server {
  readonly kind: ServerKind;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** With its scheme. */
  readonly url: string;
  /** For clients of gRPC. */
  readonly credentials: ChannelCredentials;
  /** What its processes have used so far. */
  usage(): Usage;
  /** Ends it and removes all that it has stored. */
  stop(): Promise<void>;
}

type ServerAddress = Pick<Server, 'address' | 'credentials'>;

/** Starts one in a new folder below `parent`, with TLS where a pair is given; resolves once it answers. */
export async function startServer(kind: ServerKind, parent: string, pair?: TlsPair): Promise<Server> {
  const folder = join(parent, kind.name);
  await mkdir(folder);
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const command = pair === undefined ? kind.command(folder, port) : kind.tlsCommand?.(folder, port, pair);
  if (command === undefined) throw new Error(`${kind.name} has no TLS of its own`);
  const { program, args, env } = command;
  const credentials =
    pair === undefined
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(Buffer.from(pair.certificate));
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const lastWords = (text: string): void => void (output = (output + text).slice(-4000));
  child.stdout.setEncoding('utf8').on('data', lastWords);
  child.stderr.setEncoding('utf8').on('data', lastWords);
  const ended = once(child, 'exit').catch((error: unknown) => lastWords(String(error)));
  // A run that is cut short must leave nothing behind: some of them have processes of their own.
  const endWithUs = () => endProcesses(child.pid ?? 0);
  process.prependOnceListener('exit', endWithUs);

  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const timer = setTimeout(endWithUs, stopPatienceMs);
    await ended;
    clearTimeout(timer);
    process.off('exit', endWithUs);
    await rm(folder, { recursive: true, force: true });
  };
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  if (!(await answers({ address, credentials }, hasEnded))) {
    await stop();
    throw new Error(`${kind.name} does not serve; its last words:\n${output}`);
  }
  const url = `${pair === undefined ? 'http' : 'https'}://${address}`;
  return { kind, address, url, credentials, usage: () => usageOf(child.pid ?? 0), stop };
}

/** Tries until it answers, ends, or has taken too long. */
async function answers(server: ServerAddress, hasEnded: () => boolean): Promise<boolean> {
  const deadline = Date.now() + startPatienceMs;
  while (Date.now() < deadline && !hasEnded()) {
    // Each try a connection of its own: one that was refused waits longer and longer before it tries again.
    if (await withClients(server, capabilitiesOf).catch(() => false)) return true;
    await sleep(100);
  }
  return false;
}

async function capabilitiesOf(clients: Clients): Promise<boolean> {
  await clients.capabilities.getCapabilities({ instanceName: '' }, { signal: AbortSignal.timeout(5000) });
  return true;
}

/** Has `action` call a server, with the library that Weir's tests use. */
export async function withClients<T>(
  { address, credentials }: ServerAddress,
  action: (clients: Clients) => Promise<T>,
): Promise<T> {
  const clients = clientsAt(address, credentials);
  try {
    return await action(clients);
  } finally {
    clients.close();
  }
}
