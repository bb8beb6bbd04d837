import type { BlobName } from '../core/digest.ts';
import type { PinCounts, Role } from '../core/observer.ts';

/** The ports that a process listens on. */
export interface OpenPorts {
  readonly listeners: readonly { role: Role; port: number }[];
  readonly httpListeners: readonly { role: Role; port: number }[];
}

/** Bytes that folders take on disk, as a measurement has them. */
export interface Measured {
  readonly folders: Readonly<Record<string, number>>;
  readonly records: number | undefined;
  readonly transit: number;
}

/** What a worker asks the first process of its server, and what it is answered. */
export interface WorkerQuestions {
  /** Under which names to bind socket files, by the addresses that they are for. */
  sockets: { ask: object; answer: Readonly<Record<string, string>> };
  /** For room for an upload. */
  makeRoom: { ask: { bytes: number }; answer: { made: boolean | 'not-now'; pins: PinCounts | undefined } };
  /** For a new measurement, of some folders or of all; the results come as tellings. */
  measure: { ask: { everything: boolean }; answer: object };
}

/** A worker has compared the bytes of a large blob with their hash: others need not. */
export interface VerifiedTelling {
  readonly kind: 'verified';
  readonly blob: BlobName;
  /** What tells its file from what it may become. */
  readonly file: readonly number[];
}

/** What a worker tells it. `Report`: what it has counted. */
export type WorkerTelling<Report> =
  | { readonly kind: 'serving'; readonly ports: OpenPorts }
  | { readonly kind: 'cannot-serve'; readonly reason: string }
  | { readonly kind: 'counted'; readonly report: Report }
  /** Nothing new: it only says that it is alive. */
  | { readonly kind: 'alive' }
  | VerifiedTelling
  | { readonly kind: 'doubted'; readonly blob: BlobName };

/** What the first process asks a worker, and what it is answered. */
export interface FirstQuestions<Report> {
  /** What it has counted. */
  count: { ask: object; answer: Report };
  /** To note where it stands: folders are measured from now on. */
  beginMeasuring: { ask: object; answer: object };
}

/** What it tells workers. */
export type FirstTelling =
  | { readonly kind: 'stop' }
  /** A blob was set aside. */
  | { readonly kind: 'quarantined' }
  | VerifiedTelling
  /** What was begun by beginMeasuring has ended. */
  | { readonly kind: 'measured'; readonly measured: Measured };
