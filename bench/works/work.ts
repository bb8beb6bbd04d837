import type { Load } from '../load/load.ts';
import type { Round } from '../results.ts';
import type { TlsFront } from '../servers/server-kind.ts';
import type { Server } from '../servers/server.ts';

/** Says what goes on, for people who wait. */
export type Say = (what: string) => void;

/** A kind of work that servers are compared at. */
export interface Work {
  /** What `--work` takes. */
  readonly name: string;
  /** A row's head in the report. */
  readonly title: string;
  /** What is counted, and how many of them an operation is. A run is something done once, of which time is shown. */
  readonly unit: { name: 'call' | 'sequence' | 'GiB' | 'run'; perOperation: number };
  readonly goals: Goals;
  /**
   * What was stored takes too much room to stay until the end of the run. What can stay does: for minutes after many files were removed, ext4
   * makes new ones many times slower, as it looks at each inode that has just become free.
   */
  readonly isLarge?: true;
  /** What no server can exceed at it, measured in each round as the servers are. */
  readonly bound?: Bound;
  /** Where TLS comes from, where the servers are reached through it. */
  readonly tls?: TlsFront['by'];
  /** Peers that have no such call. */
  readonly notBy?: readonly string[];
  /** Works that differ only in how much there is of something, and how much this one has. */
  readonly series?: { readonly name: SeriesName; readonly size: number };
  /** Gets what it takes besides the servers. Why it cannot be measured on this machine; undefined when it can. */
  obtain?(say: Say): string | undefined;
  /** Has the server store what it takes, looks once whether it answers rightly, and makes what is sent. */
  prepare(server: Server, folder: string, say: Say): Promise<PreparedWork>;
}

export type SeriesName = 'clients' | 'find-missing-blobs' | 'batch-read-blobs';

/** What the machine allows. */
export interface Bound {
  /** In the place of a peer's name. */
  readonly name: string;
  /** Least ratio of our throughput to it. */
  readonly goal: number;
  measure(): Promise<Round>;
}

/** What we want of the medians. */
export interface Goals {
  /** Least ratio of our throughput to that of BuildStream's server. */
  reference?: number;
  /** The same to the fastest peer. */
  fastest?: number;
  /** Peers that do as much for it, where not all do. */
  fastestOf?: readonly string[];
  /** No more computing than the reference and the fastest peer take for the same. */
  leastCpu?: true;
  /** The most memory that Weir may have in RAM. Bytes. */
  memory?: number;
}

export interface PreparedWork {
  load: Load;
  /** Brings about, before each round, what it begins with. Not timed; nothing is warmed up then. */
  renew?(): Promise<void>;
  /** Makes the call once with a client that decodes the answer, and throws where it is wrong. */
  check(): Promise<void>;
  /** Ends what was started besides the server. */
  end?(): Promise<void>;
}
