import type { Load } from '../load/load.ts';
import type { Server } from '../servers/server.ts';

/** A kind of work that servers are compared at. */
export interface Work {
  /** What `--work` takes. */
  readonly name: string;
  /** A row's head in the report. */
  readonly title: string;
  /** What is counted, and how many of them an operation is. */
  readonly unit: { name: 'call' | 'sequence' | 'GiB'; perOperation: number };
  /** Least ratio of our throughput to that of BuildStream's server, and of the fastest peer, that we want. */
  readonly goals: {
    reference?: number;
    fastest?: number;
    /** Peers that do as much for it, where not all do. */
    fastestOf?: readonly string[];
  };
  /** Whether the servers are reached through TLS of their own. */
  readonly tls?: boolean;
  /** Peers that have no such call. */
  readonly notBy?: readonly string[];
  /** Has the server store what it takes, looks once whether it answers rightly, and makes what is sent. */
  prepare(server: Server, folder: string): Promise<PreparedWork>;
}

export interface PreparedWork {
  load: Load;
  /** Makes the call once with a client that decodes the answer, and throws where it is wrong. */
  check(): Promise<void>;
}
