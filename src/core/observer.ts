import type { Doubt } from './blob-store.ts';
import type { BlobName } from './digest.ts';
import type { RequestDetails, ToolLabel } from './tool.ts';

/** What may be done, by a door or by a call that came in there: pull reads, push reads and writes. */
export type Role = 'pull' | 'push';

/** Who is calling, as far as that was verified: by TLS in front of us, or by an access token. */
export type Identity =
  | {
      readonly kind: 'certificate';
      /** SHA-256 of the client certificate, lower-case hex. */
      readonly fingerprint: string;
      /** Subject of the client certificate. */
      readonly subject: string;
      /** As the operator's lists call it, where this server has read them. */
      readonly name?: string;
    }
  | {
      readonly kind: 'token';
      /** What the list of tokens calls its holder. */
      readonly name: string;
    };

/** As fields of a log line. */
export function identityFields(identity: Identity): Record<string, string> {
  if (identity.kind === 'token') return { token: identity.name };
  const { fingerprint, subject, name } = identity;
  return { fingerprint, subject, ...(name !== undefined && { certificate: name }) };
}

/** A successful push of references or assets, for the log and the counters. */
export interface Push {
  /** Keys of references, URIs of assets. */
  readonly keys: readonly string[];
  readonly root: string;
  readonly blobs: number;
  readonly bytes: number;
  /** The first blobs of an asset that were not here when it was pushed, as `<hash>/<size>`. */
  readonly missing: readonly string[];
  readonly identity: Identity | undefined;
  /** What the call said of itself. */
  readonly request: RequestDetails;
}

/**
 * What was looked for. `blob`: a digest in FindMissingBlobs; `read`: a blob asked for by Read or
 * BatchReadBlobs; `action`: what is kept under an action's hash or another key of a cache; `asset`: the URIs
 * of a FetchBlob or FetchDirectory; `reference`: a key in GetReference.
 */
export type LookupKind = 'blob' | 'read' | 'action' | 'asset' | 'reference';

/**
 * Why the server has ended something that a client had begun. `handshake`: a connection that did not become HTTP/2 in
 * time; `connections`: one more than there may be; `calls`: a call more than there may be at once; `stalled`: a call
 * whose client neither sent nor read; `memory`: the same, sooner, since others waited for the memory that it had.
 */
export type Cut = 'handshake' | 'connections' | 'calls' | 'stalled' | 'memory';

/** What is pinned on a volume. */
export interface PinCounts {
  /** Pins of which all is here. */
  readonly whole: number;
  /** Pins whose record, or something that it reaches, is not here. */
  readonly incomplete: number;
  /** Files of pins that cannot be read: nobody knows what they are for. */
  readonly unreadable: number;
  /** What is here of all of them; a blob counts for each pin that reaches it. */
  readonly bytes: number;
}

/** A method of a gRPC service. */
export interface GrpcMethod {
  /** `/<service>/<method>`. */
  readonly path: string;
  readonly service: string;
  readonly name: string;
  /** Whether a call has a stream of messages in each direction. */
  readonly definition: { readonly requestStream: boolean; readonly responseStream: boolean };
}

/** What rooms tell of their work. Telemetry turns it into metrics and log lines; nobody waits for it. */
export interface Observer {
  callBegan(role: Role): void;
  callEnded(role: Role): void;
  /** A gRPC call came in; each is told of its end, with the name of its status and how long it took. */
  grpcBegan(method: GrpcMethod): void;
  grpcEnded(method: GrpcMethod, code: string, seconds: number): void;
  /** A message of a call in which these are a stream. */
  grpcStreamed(method: GrpcMethod, direction: 'received' | 'sent'): void;
  lookedUp(kind: LookupKind, tool: ToolLabel, hits: number, misses: number): void;
  /** Payload bytes that came in over a service, without framing. */
  received(service: string, role: Role, bytes: number): void;
  /** Payload bytes that went out over a service, without framing. */
  sent(service: string, role: Role, bytes: number): void;
  /** A request of the HTTP cache protocol has ended; the method is one that exists there, or `other`. */
  httpAnswered(method: string, status: number, role: Role, seconds: number): void;
  pushed(push: Push): void;
  /** An upload whose bytes were not the ones announced. */
  uploadMismatched(): void;
  /** A stored blob that is not what its name says; the scrubber decides what becomes of it. */
  doubted(blob: BlobName, doubt: Doubt): void;
  /** A blob is not here although this server promised it, less than a lease ago. Somebody else has removed it. */
  promiseBroken(blob: BlobName): void;
  /** The scrubber has set a blob aside. */
  quarantined(blob: BlobName): void;
  /**
   * A part of a scrub: bytes that were read, blobs that were seen whole, those that could not be read, how far the
   * pass is, 0 to 1, and when it began; 0 before the first.
   */
  scrubbed(part: {
    bytes: number;
    blobs: number;
    unreadable: number;
    progress: number;
    beganMs: number;
  }): void;
  /** Whether this server's janitor has the lock of the volume. */
  janitorLock(held: boolean): void;
  /** A pass of eviction began, or ended: with room enough, with less than wanted, or not at all. */
  evictionPass(now: 'began' | 'enough' | 'short' | 'failed'): void;
  /** A pass goes on: files that it has looked at, and moved into the trash, since it told last. */
  evictionStepped(steps: { looked: number; moved: number; movedBytes: number }): void;
  /** Runs that were in the trash at the last look. */
  trashRuns(count: number): void;
  /** Temporary files that nobody finished were removed. */
  swept(files: number): void;
  /** Bytes on disk of the ballast, as seen last. */
  ballast(bytes: number): void;
  /** Records were looked through: of those so far incomplete, and waiting to be seen so again; and how many went. */
  tidiedRecords(part: { looked: number; waiting: number; removed: number }): void;
  /** What is pinned was leased anew. */
  pinned(pins: PinCounts): void;
  /** The trash was emptied: blobs, records and bytes on disk that went, files that went back, and how long the youngest blob had not been used. */
  evicted(outcome: {
    blobs: number;
    records: number;
    bytes: number;
    returned: number;
    youngestIdleMs: number;
  }): void;
  /** A connection or a call was refused or ended, for it would have cost others too much. */
  cut(reason: Cut): void;
  /** An upload was refused for want of room; the message has the numbers. */
  refusedForSpace(message: string): void;
}

/** Where log lines go. Fields are machine-readable; the message is for people. */
export interface Logger {
  /** Whether debug() does anything: what is only made for it need not be made. */
  readonly debugs: boolean;
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
