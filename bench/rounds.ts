// One work: every server prepared, then measured in turn, round after round, so that what else the machine does in the
// meantime meets them all.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { busySeconds, machine } from './machine.ts';
import type { Round, ServerResult, WorkResult } from './results.ts';
import type { ServerKind, TlsPair } from './servers/server-kind.ts';
import { tlsPair } from './servers/tls-pair.ts';
import { usageOf } from './servers/process-tree.ts';
import { type Server, startServer } from './servers/server.ts';
import type { PreparedWork, Work } from './works/work.ts';

/** How long and how often. */
export interface Pace {
  rounds: number;
  /** That a round of one server is to take, roughly. */
  seconds: number;
}

/** Of the length of a round each. */
const mostWarmUps = 10;
const noticeablyLess = 0.9;

/** Says what goes on, for people who wait. */
export type Say = (what: string) => void;

interface Contestant {
  server: Server;
  prepared: PreparedWork;
  operations: number;
  rounds: Round[];
}

/** Measures it. A peer that fails is left out, with the reason; when Weir fails this rejects. */
export async function measure(
  work: Work,
  kinds: readonly ServerKind[],
  pace: Pace,
  parent: string,
  say: Say,
): Promise<WorkResult> {
  const folder = await mkdtemp(join(parent, `${work.name}-`));
  const absent: WorkResult['absent'] = [];
  const contestants = new Set<Contestant>();
  const goOnWithout = ({ name }: ServerKind, error: unknown): void => {
    if (name === 'weir') throw error;
    absent.push({ server: name, reason: firstLine(error) });
  };
  /** Has each do something, one after the other; who cannot is out of it. */
  const inTurn = async (action: (contestant: Contestant) => Promise<void>): Promise<void> => {
    for (const contestant of contestants) {
      try {
        await action(contestant);
      } catch (error) {
        goOnWithout(contestant.server.kind, error);
        contestants.delete(contestant);
        await contestant.server.stop();
      }
    }
  };
  try {
    // One for all: a server whose certificate is written again takes that over.
    const pair = work.tls === true ? await tlsPair(folder) : undefined;
    for (const kind of kinds.filter(({ name }) => work.notBy?.includes(name) !== true)) {
      say(`preparing ${kind.name}`);
      await prepare(work, kind, folder, pace, pair).then(
        (contestant) => contestants.add(contestant),
        (error: unknown) => goOnWithout(kind, error),
      );
    }
    const before = { time: performance.now(), byOthers: secondsOfOthers() };
    for (let round = 1; round <= pace.rounds; round++) {
      await inTurn(async (contestant) => {
        say(`round ${round} of ${pace.rounds}: ${contestant.server.kind.name}`);
        await runRound(work, contestant);
      });
    }
    const otherCores = (secondsOfOthers() - before.byOthers) / ((performance.now() - before.time) / 1000);
    await inTurn(({ prepared }) => prepared.check());
    const servers = [...contestants].map(resultOf);
    return { work: work.name, date: today(), machine: machine(), otherCores, servers, absent };
  } finally {
    say('cleaning up');
    await Promise.all([...contestants].map(({ server }) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts it, lets it prepare, and finds how many operations make a round. */
async function prepare(
  work: Work,
  kind: ServerKind,
  parent: string,
  pace: Pace,
  pair: TlsPair | undefined,
): Promise<Contestant> {
  const server = await startServer(kind, parent, pair);
  try {
    const own = join(parent, `${kind.name}-load`);
    await mkdir(own);
    const prepared = await work.prepare(server, own);
    await prepared.check();
    return { server, prepared, operations: await operationsFor(server, prepared, pace.seconds), rounds: [] };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * As many as take that long, once it is warm: what is compiled, cached or connected the first times is not measured.
 * It is warm when an operation no longer takes less computing: unlike time, that is little disturbed by other programs.
 */
async function operationsFor(server: Server, { load }: PreparedWork, seconds: number): Promise<number> {
  let operations = load.fewest;
  let leastCpu = Number.POSITIVE_INFINITY;
  const end = performance.now() + mostWarmUps * seconds * 1000;
  do {
    const before = server.usage().cpuSeconds;
    const took = await load.run(operations);
    const cpu = (server.usage().cpuSeconds - before) / operations;
    const isWarm = cpu > leastCpu * noticeablyLess && took > seconds / 2;
    leastCpu = Math.min(leastCpu, cpu);
    operations = Math.min(load.most, Math.max(load.fewest, Math.round((operations * seconds) / took)));
    if (isWarm) break;
  } while (performance.now() < end);
  return operations;
}

async function runRound(work: Work, { server, prepared, operations, rounds }: Contestant): Promise<void> {
  const before = server.usage().cpuSeconds;
  const seconds = await prepared.load.run(operations);
  const cpuSeconds = server.usage().cpuSeconds - before;
  rounds.push({ units: operations * work.unit.perOperation, seconds, cpuSeconds });
}

function resultOf({ server, rounds }: Contestant): ServerResult {
  const { kind } = server;
  return { server: kind.name, version: kind.version(), rounds, peakBytes: server.usage().peakBytes };
}

/** Computing that neither the servers nor the load nor we have asked for. */
function secondsOfOthers(): number {
  return busySeconds() - usageOf(process.pid).cpuSeconds;
}

/** YYYY-MM-DD. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function firstLine(error: unknown): string {
  return String(error).split('\n')[0] ?? '';
}
