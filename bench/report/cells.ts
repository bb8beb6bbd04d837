// How figures and tables are written.
import type { Spread } from '../statistics.ts';

/** Three digits that count: more would say more than was measured. */
export function digits(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** The median, with the lowest and the highest. */
export function spread({ median, min, max }: Spread): string {
  return `${digits(median)} (${digits(min)}–${digits(max)})`;
}

export function seconds(value: number): string {
  return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
}

export function megabytes(value: number): string {
  return `${digits(value / 1e6)} MB`;
}

/** A goal, and whether it is missed. */
export function verdict(goal: string, isReached: boolean): string {
  return isReached ? goal : `${goal}: **missed**`;
}

/** Markdown. The first columns are of words, the others of figures. */
export function markdownTable(head: readonly string[], rows: readonly string[][], words: number): string {
  const alignment = head.map((_, column) => (column < words ? '---' : '--:'));
  return [head, alignment, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
