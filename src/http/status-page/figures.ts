import { type Html, html } from './html.ts';

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `12.3 MB`, by thousands, as settings have them. */
export function bytesText(bytes: number): string {
  const rounded = Math.max(0, Math.round(bytes));
  const exponent = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(rounded, 1)) / 3));
  const value = rounded / 1000 ** exponent;
  return `${exponent === 0 ? value : value.toFixed(value < 100 ? 1 : 0)} ${units[exponent]}`;
}

/** `1,234`. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 blob`, `2 blobs`. */
export function countOf(count: number, what: string): string {
  return `${countText(count)} ${what}${Math.round(count) === 1 ? '' : 's'}`;
}

/** `97.4 %`; a dash where there is nothing to divide by. */
export function shareText(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const percent = (part / whole) * 100;
  // What is not all of it must not look like it.
  const digits = percent > 99.9 && part < whole ? 2 : 1;
  return `${Math.min(percent, part < whole ? 99.99 : 100).toFixed(percent === 100 || percent === 0 ? 0 : digits)} %`;
}

const steps = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3600 },
  { unit: 'minute', seconds: 60 },
  { unit: 'second', seconds: 1 },
] as const;

/** `3 days`, `5 hours`, `12 minutes` or `40 seconds`. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  const step = steps.find((candidate) => seconds >= candidate.seconds) ?? { unit: 'second', seconds: 1 };
  return countOf(Math.floor(seconds / step.seconds), step.unit);
}

/** `12 minutes ago`, with the time itself for machines and for those who point at it. */
export function ago(atMs: number, now: number): Html {
  const iso = new Date(clamped(atMs)).toISOString();
  const text =
    Math.abs(now - atMs) < 1000 ? 'just now' : atMs > now ? 'in the future' : `${spanText(now - atMs)} ago`;
  return html`<time datetime="${iso}" title="${iso.replace('T', ' ').replace(/\.\d+Z/, ' UTC')}"
    >${text}</time
  >`;
}

/** `2026-11-29`. */
export function dayText(atMs: number): string {
  return new Date(clamped(atMs)).toISOString().slice(0, 10);
}

/** Times of files may be anything; dates end somewhere. */
function clamped(atMs: number): number {
  return Number.isFinite(atMs) ? Math.min(Math.max(atMs, -8.64e15), 8.64e15) : 0;
}
