import type { Browser } from './browsing.ts';
import type { Clock } from './clock.ts';

/** `full`: names of projects, references and people, and contents; `summary`: figures and health only. */
export type StatusDetail = 'full' | 'summary';

/** What is counted minute by minute. */
export const countedSeries = [
  /** Action results, assets and references that were looked for. */
  'hits',
  'misses',
  /** Digests in FindMissingBlobs. */
  'blobHits',
  'blobMisses',
  /** Payload bytes. */
  'receivedBytes',
  'sentBytes',
  'pushes',
  'evictedBytes',
] as const;
export type CountedSeries = (typeof countedSeries)[number];

/** What is measured once a minute; NaN where it was not. */
export const measuredSeries = ['usedBytes', 'limitBytes'] as const;
export type MeasuredSeries = (typeof measuredSeries)[number];

/** The last minutes of this process, oldest first; all series are equally long. The last minute is not over. */
export interface History {
  /** When the first minute began. Milliseconds since 1970. */
  readonly beginsAtMs: number;
  readonly stepMs: number;
  readonly series: Readonly<Record<CountedSeries | MeasuredSeries, readonly number[]>>;
}

/** A push of references or assets that was acknowledged. Texts are as clients sent them, cut short. */
export interface RecentPush {
  readonly atMs: number;
  /** The first of its keys or URIs. */
  readonly keys: readonly string[];
  /** How many there were. */
  readonly keyCount: number;
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that were not here then. */
  readonly missing: number;
  /** The holder of a token, or the subject of a certificate; undefined where nobody was verified. */
  readonly who: string | undefined;
  /** SHA-256 of the certificate. */
  readonly fingerprint: string | undefined;
  readonly tool: string | undefined;
}

/** What was last heard from the rooms that work in the background, and how often since the start. */
export interface Happenings {
  /** How far the pass over all blobs is, 0 to 1, and when that was said; undefined before. */
  readonly scrub: { readonly progress: number; readonly atMs: number } | undefined;
  readonly holdsJanitorLock: boolean;
  readonly isEvicting: boolean;
  readonly lastEviction:
    { readonly outcome: 'enough' | 'short' | 'failed'; readonly atMs: number } | undefined;
  /** How long the youngest blob that was removed last had not been used. */
  readonly evictionAgeMs: number | undefined;
  readonly incompleteRecords: number;
  readonly quarantined: number;
  readonly unreadable: number;
  readonly brokenPromises: number;
  readonly refusedUploads: number;
  readonly lastRefusal: { readonly message: string; readonly atMs: number } | undefined;
}

/** Bytes and files of the volume. */
export interface VolumeFigures {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0 where the file system has no limit. */
  readonly totalInodes: number;
  readonly freeInodes: number;
  /** Below so many free bytes uploads are refused. */
  readonly headRoomBytes: number;
  readonly quota: { readonly limitBytes: number; readonly usedBytes: number } | undefined;
}

/** What is taken, and what may be: of the quota where there is one, of the file system otherwise. Bytes. */
export function roomOf({ quota, totalBytes, freeBytes }: VolumeFigures): {
  usedBytes: number;
  limitBytes: number;
} {
  return quota ?? { usedBytes: totalBytes - freeBytes, limitBytes: totalBytes };
}

/** Blobs that are counted together. */
export interface StorageSum {
  readonly blobs: number;
  /** On disk. */
  readonly bytes: number;
}

/** What takes the room of a volume. */
export interface StorageSummary {
  /** When it was added up, and how long that took. */
  readonly atMs: number;
  readonly tookMs: number;
  /** By how long ago blobs were last used: younger than `underMs` each; the last has no bound. */
  readonly byAge: readonly (StorageSum & { readonly underMs: number | undefined })[];
  /** Undefined where there are too many blobs to tell whose they are. */
  readonly byProject:
    | readonly (StorageSum & {
        readonly name: string;
        readonly records: number;
        /** Of these, what no other project leads to: on disk. */
        readonly ownBytes: number;
      })[]
    | undefined;
  /** Blobs that no record leads to; undefined as `byProject`. */
  readonly unreached: StorageSum | undefined;
}

/** The last summary, and whether a new one is on its way. */
export interface StorageState {
  readonly summary: StorageSummary | undefined;
  readonly isAddingUp: boolean;
  /** Why the last try gave none; empty when it did. */
  readonly failure: string;
}

/** A certificate that somebody will miss when it expires. */
export interface CertificateFigures {
  readonly name: string;
  /** What it is for: `server`, `client` and so on. */
  readonly kind: string;
  readonly expiresAtMs: number;
}

/** What the status page shows. Nothing here waits for the volume but `volume` and the browser. */
export interface StatusSources {
  readonly detail: StatusDetail;
  /** Names under which the page is given beside addresses and names of no public domain. */
  readonly hosts: readonly string[];
  readonly version: string;
  readonly startedAtMs: number;
  /** Whether this server has a listener for pushing: only then it has a janitor and a scrub. */
  readonly canPush: boolean;
  readonly scrubs: boolean;
  readonly leaseMs: number;
  readonly clock: Clock;
  history(): History;
  /** The newest first. */
  recentPushes(): readonly RecentPush[];
  happenings(): Happenings;
  /** Whether traffic should come here, and why not. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] };
  isWritable(): boolean;
  clockSkewMs(): number;
  /** Undefined when the volume does not answer in time. */
  volume(): Promise<VolumeFigures | undefined>;
  /** The last summary; asking begins a new one in the background where that is due. */
  storage(): StorageState;
  /** Undefined where this server is not told of any. */
  certificates(): readonly CertificateFigures[] | undefined;
  /** Undefined with `summary`. */
  readonly browser: Browser | undefined;
}
