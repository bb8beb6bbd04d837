import type { History } from '../../core/status.ts';
import { type Html, html } from './html.ts';

/** The lines of one chart, the one at the bottom first. */
export interface StillSeries {
  readonly className: string;
  readonly values: readonly number[];
}

const width = 960;
const height = 190;
/** A bar for a quarter of an hour. */
const bars = 96;

/**
 * A picture of a day in bars of a quarter of an hour, one series upon the other: what is seen before charts are drawn,
 * and where they are not. The minutes of a bar are added up; with a `limit`, which is the height of all, their last value counts.
 */
export function stillChart(
  { beginsAtMs, stepMs }: History,
  series: readonly StillSeries[],
  nowMs: number,
  limit?: number,
): Html {
  const barMs = 15 * 60_000;
  const begin = (Math.floor(nowMs / barMs) + 1 - bars) * barMs;
  const columns = series.map(({ values }) => {
    const column = Array.from({ length: bars }, () => 0);
    for (const [index, value] of values.entries()) {
      const bar = Math.floor((beginsAtMs + index * stepMs - begin) / barMs);
      if (bar < 0 || bar >= bars || Number.isNaN(value)) continue;
      column[bar] = limit === undefined ? (column[bar] ?? 0) + value : value;
    }
    return column;
  });
  const most = limit ?? Math.max(1, ...Array.from({ length: bars }, (_, bar) => totalOf(columns, bar)));
  const rects: Html[] = [];
  for (let bar = 0; bar < bars; bar++) {
    let bottom = height - 1;
    for (const [index, column] of columns.entries()) {
      const tall = ((column[bar] ?? 0) / most) * (height - 10);
      if (tall <= 0) continue;
      bottom -= tall;
      const x = bar * (width / bars) + 1;
      rects.push(
        html`<rect
          class="${series[index]?.className}"
          x="${x}"
          y="${bottom.toFixed(1)}"
          width="${width / bars - 2}"
          height="${tall.toFixed(1)}"
        />`,
      );
    }
  }
  return html`<svg
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    <line class="base" x1="0" x2="${width}" y1="${height - 0.5}" y2="${height - 0.5}" />
    ${rects}
  </svg>`;
}

function totalOf(columns: readonly (readonly number[])[], bar: number): number {
  return columns.reduce((sum, column) => sum + (column[bar] ?? 0), 0);
}
