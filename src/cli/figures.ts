const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `12.3 MB`, by thousands, as settings have them. */
export function bytesText(bytes: number): string {
  const exponent = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** exponent;
  return `${exponent === 0 ? value : value.toFixed(1)} ${units[exponent]}`;
}

const steps = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3600 },
  { unit: 'min', seconds: 60 },
] as const;

/** `3 d`, `5 h`, `12 min` or `40 s`. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  const step = steps.find((candidate) => seconds >= candidate.seconds) ?? { unit: 's', seconds: 1 };
  return `${Math.floor(seconds / step.seconds)} ${step.unit}`;
}

/** `1,234`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 blob`, `2 blobs`. */
export function countOf(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** Names on a volume may hold anything; a terminal obeys some of it. */
export function printable(text: string): string {
  return /^[^\p{C}\p{Zl}\p{Zp}]*$/u.test(text)
    ? text
    : JSON.stringify(text).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
