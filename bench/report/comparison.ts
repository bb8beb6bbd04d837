import { cpuPerUnit, type ServerResult, throughput, type WorkResult } from '../results.ts';
import { type Spread, ratios, spreadOf } from '../statistics.ts';
import { allWorks } from '../works/all-works.ts';
import type { Work } from '../works/work.ts';

/** What Weir did, beside what one peer did in the same rounds. */
export interface Comparison {
  peer: string;
  /** Weir's throughput divided by the peer's. */
  ratio: Spread;
  /** Of all peers at this work it had the highest throughput. */
  isFastest: boolean;
  /** Least median that we want; undefined where nothing is wanted. */
  goal: number | undefined;
  /** Of Weir and of the peer. Units a second. */
  throughput: [number, number];
  /** Seconds a unit. */
  cpu: [number, number];
  /** Whether we want Weir's `cpu` not to be above the peer's. */
  mayNotTakeMore: boolean;
  /** Bytes. */
  peak: [number, number];
}

/** The work that a result is of; undefined when there is no such work any more. */
export function workOf(result: WorkResult): Work | undefined {
  return allWorks.find(({ name }) => name === result.work);
}

/** One for each peer that took part. */
export function comparisons(result: WorkResult): Comparison[] {
  const [weir, ...peers] = result.servers;
  if (weir === undefined) return [];
  const { goals = {}, bound } = workOf(result) ?? {};
  const servers = peers.filter(({ server }) => server !== bound?.name);
  const fastest = fastestOf(servers);
  const goalFastest = goals.fastestOf
    ? fastestOf(servers.filter(({ server }) => goals.fastestOf?.includes(server)))
    : fastest;
  return peers.map((peer) => {
    const isReference = peer.server === 'bst-artifact-server';
    const wanted = [
      isReference ? goals.reference : undefined,
      peer === goalFastest ? goals.fastest : undefined,
      peer.server === bound?.name ? bound.goal : undefined,
    ].filter((goal) => goal !== undefined);
    return {
      peer: peer.server,
      ratio: ratios(throughput(weir), throughput(peer)),
      isFastest: peer === fastest,
      goal: wanted.length > 0 ? Math.max(...wanted) : undefined,
      throughput: [medianOf(weir), medianOf(peer)],
      cpu: [cpuPerUnit(weir), cpuPerUnit(peer)],
      mayNotTakeMore: goals.leastCpu === true && (isReference || peer === goalFastest),
      peak: [weir.peakBytes, peer.peakBytes],
    };
  });
}

/** What Weir does without anyone to compare it with. */
export function medianOf(server: ServerResult): number {
  return spreadOf(throughput(server)).median;
}

function fastestOf(servers: ServerResult[]): ServerResult | undefined {
  return servers.toSorted((one, other) => medianOf(other) - medianOf(one))[0];
}
