import type { Role } from './core/observer.ts';
import type { PublicCertificate } from './core/public-certificates.ts';
import type { DownloaderOptions } from './fetch/https-downloader.ts';
import type { CacheListenerOptions } from './http/cache-listener.ts';
import type { ListenerOptions } from './rpc/listener.ts';
import type { StatusPageOptions } from './status-sources.ts';
import type { VolumeOptions } from './store/volume.ts';

/** What a server is made of. */
export interface AppOptions {
  readonly volume: Omit<VolumeOptions, 'leaseMs' | 'coalesceMs' | 'keepsUploads'>;
  readonly listeners: readonly ListenerOptions[];
  /** The same store over the HTTP cache protocol. */
  readonly httpListeners: readonly CacheListenerOptions[];
  /** `host:port` of the operations port, if there is one. */
  readonly opsListen: string | undefined;
  /** What the operations port shows to browsers; undefined for nothing. */
  readonly statusPage: StatusPageOptions | undefined;
  /** How long a blob stays after any positive answer about it. */
  readonly leaseMs: number;
  /** Bytes of the file that is given up when the volume is completely full; undefined: as many as fit it. */
  readonly ballastBytes: number | undefined;
  /** At which rate all blobs are read and compared with their hashes; 0 for never. */
  readonly scrubBytesPerSecond: number;
  /** How long an upload that stopped is kept; 0 keeps none. */
  readonly uploadResumeMs: number;
  readonly drainMs: number;
  /** How long a call's client may do nothing while it is its turn. */
  readonly streamIdleMs: number;
  /** How many processes answer calls together; each takes its part of what clients may do at once. */
  readonly workers: number;
  /** What is known of certificates, for metrics. */
  readonly certificates: () => readonly PublicCertificate[];
  /** Where content may be fetched from; undefined: from nowhere. */
  readonly fetch: DownloaderOptions | undefined;
}

/** A running server. */
export interface App {
  readonly listeners: readonly { role: Role; port: number }[];
  readonly httpListeners: readonly { role: Role; port: number }[];
  readonly opsPort: number | undefined;
  /** Resolves with the reason when it cannot go on, though nobody has stopped it. */
  readonly failed: Promise<string>;
  /** Stops being ready, lets calls end or cuts them when the time is up, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** A touch is skipped for this part of the lease; eviction adds it back. */
const coalesceShare = 6;

/** How long things stay, by the settings. Milliseconds. */
export function leaseOf({ leaseMs }: AppOptions): { leaseMs: number; coalesceMs: number } {
  return { leaseMs, coalesceMs: leaseMs / coalesceShare };
}

/** Whether somebody may push: where nobody may, nothing may be removed either, and nothing set aside. */
export function canPush({ listeners, httpListeners }: AppOptions): boolean {
  return [...listeners, ...httpListeners].some(({ role }) => role === 'push');
}
