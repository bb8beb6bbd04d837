// One work: every server prepared, then measured in turn, round after round, so that what else the machine does in the
// meantime meets them all.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Contestant, contestantOf, resultOf, runRound } from './contestant.ts';
import { busySeconds, machine } from './machine.ts';
import { allServers, type Round, type ServerResult, type WorkResult } from './results.ts';
import { removeTree } from './remove-tree.ts';
import { usageOf } from './servers/process-tree.ts';
import type { ServerKind } from './servers/server-kind.ts';
import { tlsPair } from './servers/tls-pair.ts';
import type { Bound, Say, Work } from './works/work.ts';

/** How long and how often. */
export interface Pace {
  rounds: number;
  /** That a round of one server is to take, roughly. */
  seconds: number;
}

/** Measures it. A peer that fails is left out, with the reason; when Weir fails this rejects. */
export async function measure(
  work: Work,
  kinds: readonly ServerKind[],
  pace: Pace,
  parent: string,
  say: Say,
): Promise<WorkResult> {
  const fault = work.obtain?.(say);
  if (fault !== undefined) return notMeasured(work, fault);
  const folder = await mkdtemp(join(parent, `${work.name}-`));
  const absent: WorkResult['absent'] = [];
  const bounding: Round[] = [];
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
        await leave(contestant);
      }
    }
  };
  try {
    // One for all: a server whose certificate is written again takes that over.
    const front = work.tls === undefined ? undefined : { by: work.tls, pair: await tlsPair(folder) };
    for (const kind of kinds.filter(({ name }) => work.notBy?.includes(name) !== true)) {
      const sayOf: Say = (what) => say(`preparing ${kind.name}${what}`);
      sayOf('');
      const setting = {
        parent: folder,
        front,
        seconds: pace.seconds,
        say: (what: string) => sayOf(`: ${what}`),
      };
      await contestantOf(work, kind, setting).then(
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
      if (work.bound !== undefined) {
        say(`round ${round} of ${pace.rounds}: ${work.bound.name}`);
        bounding.push(await work.bound.measure());
      }
    }
    const otherCores = (secondsOfOthers() - before.byOthers) / ((performance.now() - before.time) / 1000);
    say('looking whether all is still right');
    await inTurn(({ prepared }) => prepared.check());
    const servers = [...contestants].map(resultOf);
    if (work.bound !== undefined) servers.push(boundResult(work.bound, bounding));
    return { work: work.name, date: today(), machine: machine(), otherCores, servers, absent };
  } finally {
    say('cleaning up');
    await Promise.all([...contestants].map(leave));
    if (work.isLarge === true) await removeTree(folder);
  }
}

/** What it stored is removed with all that the work has. */
async function leave({ server, prepared }: Contestant): Promise<void> {
  await prepared.end?.();
  await server.end();
}

/** It has no version, and no memory worth a figure. */
function boundResult({ name }: Bound, rounds: Round[]): ServerResult {
  return { server: name, version: '', rounds, peakBytes: 0 };
}

/** Of a work that this machine cannot do. */
function notMeasured(work: Work, reason: string): WorkResult {
  const absent = [{ server: allServers, reason }];
  return { work: work.name, date: today(), machine: machine(), otherCores: 0, servers: [], absent };
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
