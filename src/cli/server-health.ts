import { expiringThing, soonMs } from '../core/expires-soon.ts';
import { bytesText, countOf, spanText } from './figures.ts';
import type { ScrapedMetrics } from './scraped-metrics.ts';

/** What a server's metrics come down to. Undefined: it has no such metric, being of another version or set up without it. */
export interface ServerFigures {
  /** Since the server started; by what was asked for. */
  readonly lookups: Readonly<Record<string, { readonly hits: number; readonly misses: number }>>;
  readonly volume: {
    readonly sizeBytes: number | undefined;
    readonly freeBytes: number | undefined;
    readonly inodes: number | undefined;
    readonly freeInodes: number | undefined;
    readonly answers: boolean | undefined;
    readonly writable: boolean | undefined;
  };
  /** Bytes on disk; undefined without a quota. */
  readonly quota: { readonly limitBytes: number; readonly usedBytes: number | undefined } | undefined;
  readonly retention: {
    /** How long what was evicted last had not been used; undefined before the first eviction. */
    readonly evictionAgeSeconds: number | undefined;
    readonly evictedBytes: number | undefined;
    readonly shortPasses: number | undefined;
    readonly failedPasses: number | undefined;
    readonly refusedUploads: number | undefined;
  };
  readonly brokenPromises: number | undefined;
  readonly janitorWorksHere: boolean | undefined;
  readonly scrub: {
    /** 0 to 1. */
    readonly progress: number | undefined;
    readonly quarantinedBlobs: number | undefined;
  };
  readonly incompleteRecords: number | undefined;
  readonly clockSkewSeconds: number | undefined;
  readonly certificates: readonly {
    readonly name: string;
    readonly kind: string;
    readonly expiresAt: string;
  }[];
}

/** Something that somebody should know. `wrong`: the server does not do its work, or has not kept a promise. */
export interface HealthFinding {
  readonly level: 'wrong' | 'warning';
  readonly sentence: string;
}

export function figuresOf(metrics: ScrapedMetrics): ServerFigures {
  const { sum, samples } = metrics;
  const flag = (name: string) => {
    const value = sum(name);
    return value === undefined ? undefined : value > 0;
  };
  const kinds = new Set(samples('weir_lookups_total').map(({ labels }) => labels['kind'] ?? ''));
  const counts = (kind: string, result: string) => sum('weir_lookups_total', { kind, result }) ?? 0;
  const limitBytes = sum('weir_quota_bytes');
  return {
    lookups: Object.fromEntries(
      [...kinds].map((kind) => [kind, { hits: counts(kind, 'hit'), misses: counts(kind, 'miss') }]),
    ),
    volume: {
      sizeBytes: sum('weir_volume_size_bytes'),
      freeBytes: sum('weir_volume_free_bytes'),
      inodes: sum('weir_volume_inodes'),
      freeInodes: sum('weir_volume_free_inodes'),
      answers: flag('weir_volume_answers'),
      writable: flag('weir_volume_writable'),
    },
    quota:
      limitBytes === undefined || limitBytes === 0
        ? undefined
        : { limitBytes, usedBytes: sum('weir_used_bytes') },
    retention: {
      evictionAgeSeconds: sum('weir_eviction_age_seconds') || undefined,
      evictedBytes: sum('weir_evicted_bytes_total'),
      shortPasses: sum('weir_eviction_passes_total', { outcome: 'short' }),
      failedPasses: sum('weir_eviction_passes_total', { outcome: 'failed' }),
      refusedUploads: sum('weir_refused_uploads_total'),
    },
    brokenPromises: sum('weir_broken_promises_total'),
    janitorWorksHere: flag('weir_janitor_lock_held'),
    scrub: {
      progress: sum('weir_scrub_pass_progress'),
      quarantinedBlobs: sum('weir_quarantined_blobs_total'),
    },
    incompleteRecords: sum('weir_incomplete_records'),
    clockSkewSeconds: sum('weir_clock_skew_seconds'),
    certificates: samples('weir_certificate_expiry_timestamp_seconds').map(({ labels, value }) => ({
      name: labels['name'] ?? '',
      kind: labels['kind'] ?? '',
      expiresAt: new Date(value * 1000).toISOString(),
    })),
  };
}

const daySeconds = 86_400;
/** A certificate that ends within this is somebody's work of this week or the next. */
const certificateDays = 14;
const leastFreeInodes = 0.05;
const mostSkewSeconds = 60;

/** What of the figures somebody should look at; nothing is said of what is not known. */
export function healthOf(figures: ServerFigures, now: number): readonly HealthFinding[] {
  const found: HealthFinding[] = [];
  const add = (level: HealthFinding['level'], isSo: boolean, sentence: string) => {
    if (isSo) found.push({ level, sentence });
  };
  const { volume, retention, scrub, brokenPromises = 0, clockSkewSeconds = 0 } = figures;
  const { evictionAgeSeconds: age, shortPasses = 0, failedPasses = 0, refusedUploads = 0 } = retention;
  add('wrong', volume.answers === false, 'the volume did not answer in time; look at the disk or the mount');
  add(
    'wrong',
    volume.writable === false,
    'the volume takes no writes: pushes fail; is it full, or mounted read-only?',
  );
  add(
    'wrong',
    brokenPromises > 0,
    `${countOf(brokenPromises, 'promise')} broken: a blob was gone within its lease; does something else remove files of the volume?`,
  );
  add(
    'warning',
    refusedUploads > 0,
    `${countOf(refusedUploads, 'upload')} refused for want of room since the start`,
  );
  add(
    'warning',
    shortPasses + failedPasses > 0,
    `eviction has made less room than wanted ${countOf(shortPasses + failedPasses, 'time')}: what is there is leased, or the volume failed`,
  );
  add(
    'warning',
    age !== undefined && age < daySeconds,
    `what is evicted was used only ${spanText((age ?? 0) * 1000)} before: the volume is small for its use`,
  );
  add('warning', inodesAreShort(volume), 'few inodes are left on the volume');
  add(
    'warning',
    (scrub.quarantinedBlobs ?? 0) > 0,
    `${countOf(scrub.quarantinedBlobs ?? 0, 'blob')} set aside because the bytes did not give the hash; look at the disk`,
  );
  add(
    'warning',
    Math.abs(clockSkewSeconds) > mostSkewSeconds,
    `this machine's clock and the one of the volume differ by ${Math.round(clockSkewSeconds)} s`,
  );
  return [...found, ...figures.certificates.flatMap((certificate) => certificateFinding(certificate, now))];
}

function inodesAreShort({ inodes = 0, freeInodes }: ServerFigures['volume']): boolean {
  return inodes > 0 && freeInodes !== undefined && freeInodes < inodes * leastFreeInodes;
}

function certificateFinding(
  { name, kind, expiresAt }: ServerFigures['certificates'][number],
  now: number,
): HealthFinding[] {
  const leftMs = Date.parse(expiresAt) - now;
  const what = `the ${expiringThing(kind)} ${JSON.stringify(name)}`;
  if (leftMs <= 0)
    return [
      {
        level: kind === 'server' ? 'wrong' : 'warning',
        sentence: `${what} expired ${spanText(-leftMs)} ago`,
      },
    ];
  return leftMs < soonMs(kind, certificateDays)
    ? [{ level: 'warning', sentence: `${what} expires in ${spanText(leftMs)}` }]
    : [];
}

/** For people, a line each. */
export function figureLines(figures: ServerFigures): string[] {
  const { lookups, volume, quota, retention, scrub, brokenPromises, janitorWorksHere } = figures;
  const known = (value: number | undefined, text: (value: number) => string) =>
    value === undefined ? 'unknown' : text(value);
  const age = retention.evictionAgeSeconds;
  const evicted = retention.evictedBytes === undefined ? 'unknown' : 'nothing was evicted since the start';
  return [
    ...Object.entries(lookups).map(([kind, count]) => `hits, ${kind}: ${hitText(count)}`),
    `volume: ${known(volume.freeBytes, bytesText)} free of ${known(volume.sizeBytes, bytesText)}`,
    `quota: ${quota === undefined ? 'none' : `${known(quota.usedBytes, bytesText)} of ${bytesText(quota.limitBytes)}`}`,
    `retention: ${age === undefined ? evicted : `what was evicted last had not been used for ${spanText(age * 1000)}`}`,
    `broken promises: ${known(brokenPromises, String)}`,
    `janitor: ${janitorWorksHere === undefined ? 'unknown' : janitorWorksHere ? 'works here' : 'another server has it, or none yet'}`,
    `scrub: ${known(scrub.progress, (part) => `${Math.floor(part * 100)}% of this pass`)}, ${known(scrub.quarantinedBlobs, String)} set aside since the start`,
    `incomplete records: ${known(figures.incompleteRecords, String)}`,
    ...figures.certificates.map(
      ({ kind, name, expiresAt }) => `certificate, ${kind} ${JSON.stringify(name)}: until ${expiresAt}`,
    ),
  ];
}

function hitText({ hits, misses }: { hits: number; misses: number }): string {
  const all = hits + misses;
  return all === 0 ? 'nobody asked' : `${Math.floor((hits / all) * 1000) / 10}% of ${countOf(all, 'lookup')}`;
}
