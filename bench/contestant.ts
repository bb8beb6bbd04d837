// One server at one work: prepared, then measured round after round.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Round, ServerResult } from './results.ts';
import type { ServerKind, TlsFront } from './servers/server-kind.ts';
import { type Server, startServer } from './servers/server.ts';
import type { PreparedWork, Say, Work } from './works/work.ts';

/** Of the length of a round each. */
const mostWarmUps = 10;
const noticeablyLess = 0.9;

/** A server that takes part in a work. */
export interface Contestant {
  readonly server: Server;
  readonly prepared: PreparedWork;
  /** Of each round. */
  readonly operations: number;
  readonly rounds: Round[];
}

/** Where and how long. */
interface Setting {
  /** For the server's folder and another one for the work. */
  parent: string;
  front: TlsFront | undefined;
  /** That a round is to take, roughly. */
  seconds: number;
  say: Say;
}

/** Starts it, lets it prepare, and finds how many operations make a round. */
export async function contestantOf(work: Work, kind: ServerKind, setting: Setting): Promise<Contestant> {
  const { parent, front, seconds, say } = setting;
  const server = await startServer(kind, parent, front);
  try {
    const own = join(parent, `${kind.name}-load`);
    await mkdir(own);
    const prepared = await work.prepare(server, own, say);
    await prepared.check();
    return { server, prepared, operations: await operationsFor(server, prepared, seconds), rounds: [] };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * As many as take that long, once it is warm: what is compiled, cached or connected the first times is not measured.
 * It is warm when an operation no longer takes less computing: unlike time, that is little disturbed by other programs.
 */
async function operationsFor(server: Server, prepared: PreparedWork, seconds: number): Promise<number> {
  const { load } = prepared;
  let operations = load.fewest;
  // What begins anew in each round has its first time measured.
  if (prepared.renew !== undefined) return operations;
  let leastCpu = Number.POSITIVE_INFINITY;
  const end = performance.now() + mostWarmUps * seconds * 1000;
  do {
    const before = server.usage().cpuSeconds;
    const { seconds: took } = await load.run(operations);
    const cpu = (server.usage().cpuSeconds - before) / operations;
    const isWarm = cpu > leastCpu * noticeablyLess && took > seconds / 2;
    leastCpu = Math.min(leastCpu, cpu);
    operations = Math.min(load.most, Math.max(load.fewest, Math.round((operations * seconds) / took)));
    if (isWarm) break;
  } while (performance.now() < end);
  return operations;
}

/** Measures it once more. */
export async function runRound(
  { unit }: Work,
  { server, prepared, operations, rounds }: Contestant,
): Promise<void> {
  await prepared.renew?.();
  const before = server.usage().cpuSeconds;
  const timed = await prepared.load.run(operations);
  const cpuSeconds = server.usage().cpuSeconds - before;
  rounds.push({ units: operations * unit.perOperation, ...timed, cpuSeconds });
}

export function resultOf({ server, rounds }: Contestant): ServerResult {
  const { kind } = server;
  return { server: kind.name, version: kind.version(), rounds, peakBytes: server.usage().peakBytes };
}
