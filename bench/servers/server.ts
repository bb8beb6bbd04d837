import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelCredentials } from '@grpc/grpc-js';
import { type Clients, clientsAt } from '../../test/support/wire.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { removeTree } from '../remove-tree.ts';
import type { Usage } from './process-tree.ts';
import { commandOf, type ServerKind, type TlsFront } from './server-kind.ts';
import { type ServerProcess, startProcess } from './server-process.ts';

const startPatienceMs = 120_000;
/** Between two tries whether it answers: what it takes to start is measured, too. */
const betweenTriesMs = 20;

/** Where clients of gRPC reach a server. */
export interface ServerAddress {
  /** `127.0.0.1:port`, or `unix:` and a path. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
}

/** A running server with a fresh volume. */
export interface Server extends ServerAddress {
  readonly kind: ServerKind;
  /** With its scheme. */
  readonly url: string;
  /** Where it takes uploads: a proxy may have another place for them. */
  readonly uploads: ServerAddress;
  /** Its own, in which everything is that it stores. */
  readonly folder: string;
  /** What its processes have used so far, before earlier ends too. */
  usage(): Usage;
  /** Ends its processes. What it has stored stays. */
  end(): Promise<void>;
  /** Starts it after an end, with what is stored; resolves once it answers. */
  start(): Promise<void>;
  /** Ends it and removes all that it has stored. */
  stop(): Promise<void>;
}

/** Starts one in a new folder below `parent`, with TLS where that is given; resolves once it answers. */
export async function startServer(kind: ServerKind, parent: string, front?: TlsFront): Promise<Server> {
  const folder = join(parent, kind.name);
  await mkdir(folder);
  const [port = 0] = await freePorts(1);
  const at = { address: `127.0.0.1:${port}`, credentials: credentialsFor(front) };
  const past: Usage = { cpuSeconds: 0, peakBytes: 0 };
  const command = await commandOf(kind, folder, port, front);
  let running: ServerProcess | undefined;
  const usage = (): Usage => {
    const { cpuSeconds, peakBytes } = running?.usage() ?? { cpuSeconds: 0, peakBytes: 0 };
    return {
      cpuSeconds: past.cpuSeconds + cpuSeconds,
      peakBytes: Math.max(past.peakBytes, peakBytes),
    };
  };
  const end = async (): Promise<void> => {
    Object.assign(past, usage());
    const ending = running;
    running = undefined;
    await ending?.end();
  };
  const start = async (): Promise<void> => {
    running = startProcess(command, folder);
    if (await answers(at, running)) return;
    const words = running.lastWords();
    await end();
    throw new Error(`${kind.name} does not serve; its last words:\n${words}`);
  };
  const stop = async (): Promise<void> => {
    await end();
    await removeTree(folder);
  };
  await start();
  const { uploads } = command;
  return {
    kind,
    ...at,
    url: `${front === undefined ? 'http' : 'https'}://${at.address}`,
    uploads:
      uploads === undefined ? at : { address: uploads, credentials: ChannelCredentials.createInsecure() },
    folder,
    usage,
    end,
    start,
    stop,
  };
}

function credentialsFor(front: TlsFront | undefined): ChannelCredentials {
  if (front === undefined) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(Buffer.from(front.pair.certificate));
}

/** Tries until it answers, ends, or has taken too long. */
async function answers(server: ServerAddress, process: ServerProcess): Promise<boolean> {
  const deadline = Date.now() + startPatienceMs;
  while (Date.now() < deadline && !process.hasEnded()) {
    // Each try a connection of its own: one that was refused waits longer and longer before it tries again.
    if (await withClients(server, capabilitiesOf).catch(() => false)) return true;
    await sleep(betweenTriesMs);
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
