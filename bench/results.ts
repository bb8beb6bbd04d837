/** What one server did in one round. */
export interface Round {
  /** Units of the work, like calls or GiB. */
  units: number;
  seconds: number;
  /** That the server's processes computed, all cores together. */
  cpuSeconds: number;
  /** Of a hundred calls, 99 took no longer; where each was timed. Seconds. */
  p99?: number;
}

/** Of one server at one work. */
export interface ServerResult {
  server: string;
  version: string;
  rounds: Round[];
  /** The most memory that its processes had in RAM from their start to the end of the rounds. */
  peakBytes: number;
}

/** In the place of a server's name, where a work could not be measured at all. */
export const allServers = 'all servers';

/** Of one work, all measured in the same run, in turn. Weir is the first. */
export interface WorkResult {
  work: string;
  /** YYYY-MM-DD. */
  date: string;
  machine: string;
  /** Cores that other programs kept busy meanwhile, on average. */
  otherCores: number;
  servers: ServerResult[];
  /** Peers that did not take part, and why. */
  absent: { server: string; reason: string }[];
}

/** Units a second of each round. */
export function throughput({ rounds }: ServerResult): number[] {
  return rounds.map(({ units, seconds }) => units / seconds);
}

/** Of each round in which calls were timed, the 99th percentile. Seconds. */
export function p99s({ rounds }: ServerResult): number[] {
  return rounds.flatMap(({ p99 }) => p99 ?? []);
}

/** Seconds of computing for a unit, of all rounds together. */
export function cpuPerUnit({ rounds }: ServerResult): number {
  const sum = (key: 'cpuSeconds' | 'units') => rounds.reduce((total, round) => total + round[key], 0);
  return sum('cpuSeconds') / sum('units');
}
