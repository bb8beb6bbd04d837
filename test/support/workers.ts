import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { childrenOf } from './process-figures.ts';
import { startWeir, type Weir, type WeirOptions } from './weir.ts';
import { type Clients, clientsAt } from './wire.ts';

/** A server with two workers, for the length of a test. At `debug` each call's line says which of them had it. */
export async function startTwoWorkers(t: TestContext, options: WeirOptions = {}): Promise<Weir> {
  const weir = await startWeir({
    tcp: true,
    ...options,
    env: { WORKERS: '2', LOG_LEVEL: 'debug', ...options.env },
  });
  t.after(async () => void (await weir.stop()));
  return weir;
}

/** Ports that stay the same when all workers end at once; with port 0 there are others then. */
export async function fixedPorts(): Promise<Record<string, string>> {
  const [pull, push] = await freePorts(2);
  return { PULL_LISTEN: `127.0.0.1:${pull}`, PUSH_LISTEN: `127.0.0.1:${push}` };
}

/** Resolves when so many workers serve, none of them one of `others`. */
export async function workersServe(weir: Weir, count: number, others: readonly number[] = []): Promise<void> {
  await eventually(async () => {
    const { status, text } = await ready(weir);
    if (status !== 200 || text !== 'ready\n') return false;
    const pids = childrenOf(weir.pid);
    return pids.length === count && !pids.some((pid) => others.includes(pid));
  });
}

export async function ready({ opsUrl }: Weir): Promise<{ status: number; text: string }> {
  const response = await fetch(`${opsUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Lines of its log, as far as they were printed. */
export function logLines(
  weir: Pick<Weir, 'output'>,
): { message: string; worker?: number; [field: string]: unknown }[] {
  return weir
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as { message: string });
}

/** How many calls each worker had, by its number. */
export function callsByWorker(weir: Weir): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { message, worker } of logLines(weir))
    if (message === 'call' && worker !== undefined) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  return counts;
}

/** Clients with a connection each, for the length of a test; the workers get them in turn. */
export function manyClients(t: TestContext, address: string, count: number): Clients[] {
  const clients = Array.from({ length: count }, () => clientsAt(address));
  t.after(() => {
    for (const each of clients) each.close();
  });
  return clients;
}
