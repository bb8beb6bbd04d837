import type { PublicCertificate } from './core/public-certificates.ts';
import type { Clock } from './core/clock.ts';
import type { StatusDetail, StatusSources } from './core/status.ts';
import type { StorageSummaries } from './inventory/storage-summaries.ts';
import { volumeBrowser } from './inventory/volume-browser.ts';
import type { VolumeWatch } from './janitor/volume-watch.ts';
import type { Volume } from './store/volume.ts';
import type { Remembered } from './telemetry/history.ts';
import { volumeFigures } from './volume-figures.ts';

/** What the status page shows, and to whom. */
export interface StatusPageOptions {
  readonly detail: StatusDetail;
  /** Host names under which it is given, beside addresses and names that cannot be registered. */
  readonly hosts: readonly string[];
  readonly version: string;
}

/** The rooms that the status page is made of. */
export interface StatusParts {
  readonly volume: Volume;
  readonly watch: VolumeWatch;
  readonly remembered: Remembered;
  readonly summaries: StorageSummaries;
  readonly clock: Clock;
  readonly startedAtMs: number;
  readonly canPush: boolean;
  readonly scrubs: boolean;
  readonly leaseMs: number;
  readonly readiness: StatusSources['readiness'];
  readonly certificates: () => readonly PublicCertificate[];
}

/** A part of the composition root: what the page asks, and who answers. */
export function statusSources(options: StatusPageOptions, parts: StatusParts): StatusSources {
  const { volume, watch, remembered, summaries, clock, startedAtMs, canPush, scrubs, leaseMs } = parts;
  const { readiness, certificates } = parts;
  const browser = volumeBrowser(volume.layout, (digest) => volume.blobs.read(digest, 0, digest.sizeBytes));
  return {
    ...options,
    startedAtMs,
    canPush,
    scrubs,
    leaseMs,
    clock,
    history: () => remembered.history(),
    recentPushes: () => remembered.recentPushes(),
    happenings: () => remembered.happenings(),
    readiness,
    isWritable: () => watch.state().writable,
    clockSkewMs: () => volume.clock.skewMs(),
    volume: () => volumeFigures(volume),
    storage: () => summaries.state(),
    certificates: () => shownCertificates(certificates()),
    browser: options.detail === 'full' ? browser : undefined,
  };
}

/** Undefined where nobody tells this server of any. */
function shownCertificates(known: readonly PublicCertificate[]) {
  if (known.length === 0) return undefined;
  return known.map(({ kind, name, expires }) => ({ kind, name, expiresAtMs: expires.getTime() }));
}
