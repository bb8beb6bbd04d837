import type { CountedSeries, History, StatusSources } from '../../core/status.ts';
import { bytesText, countText, shareText } from './figures.ts';
import { type Html, html } from './html.ts';
import { stillChart } from './still-chart.ts';

const hourMs = 3_600_000;

/** Sums of a series over the last so many milliseconds. */
export function sumOf({ beginsAtMs, stepMs, series }: History, name: CountedSeries, sinceMs: number): number {
  const values = series[name];
  const first = Math.max(0, Math.ceil((sinceMs - beginsAtMs) / stepMs));
  return values.slice(first).reduce((sum, value) => sum + value, 0);
}

/** What happened in the last day: three charts, and the same figures hour by hour. */
export function chartsSection({ clock, startedAtMs }: StatusSources, history: History): Html {
  const now = clock();
  const { series } = history;
  const total = (name: CountedSeries) => sumOf(history, name, 0);
  const [hits, misses] = [total('hits'), total('misses')];
  const used = series.usedBytes.findLast((value) => !Number.isNaN(value));
  const limit = series.limitBytes.findLast((value) => !Number.isNaN(value));
  const room =
    used === undefined || limit === undefined
      ? 'not measured yet'
      : `${bytesText(used)} of ${bytesText(limit)}`;
  return html`<section aria-labelledby="activity-title">
    <div class="grid">
      <div class="card">
        <div class="head">
          <h2 id="activity-title">Hits and misses over the last day</h2>
          ${legend('lookups', ['hits', 'misses'])}
        </div>
        <figure>
          ${plot(
            'lookups',
            `Lookups of the last day: ${countText(hits)} hits and ${countText(misses)} misses.`,
            stillChart(history, stacked(series, ['hits', 'misses']), now),
          )}
          <figcaption class="note">
            Lookups of references, assets and action results by this process, which started
            ${new Date(startedAtMs).toISOString().slice(0, 16).replace('T', ' ')} UTC.
          </figcaption>
        </figure>
        ${hourlyTable(history, now)}
      </div>
      <div class="card half">
        <div class="head">
          <h2>Bytes</h2>
          ${legend('transfer', ['sent', 'received'])}
        </div>
        <figure>
          ${plot(
            'transfer',
            `Bytes of the last day: ${bytesText(total('sentBytes'))} sent and ${bytesText(total('receivedBytes'))} received.`,
            stillChart(
              history,
              [
                { className: 'sent', values: series.sentBytes },
                { className: 'received', values: series.receivedBytes },
              ],
              now,
            ),
          )}
        </figure>
      </div>
      <div class="card half">
        <div class="head">
          <h2>Room</h2>
          ${legend('room', ['used', 'limit'])}
        </div>
        <figure>
          ${plot(
            'room',
            `Room taken now: ${room}.`,
            stillChart(history, [{ className: 'used', values: series.usedBytes }], now, limit),
          )}
        </figure>
      </div>
    </div>
  </section>`;
}

function stacked(series: History['series'], names: readonly CountedSeries[]) {
  return names.map((name) => ({ className: name, values: series[name] }));
}

function plot(chart: string, description: string, still: Html): Html {
  return html`<div class="plot" role="img" aria-label="${description}" data-chart="${chart}">${still}</div>`;
}

/** What the colours stand for; the script writes the values under the cursor behind them. */
function legend(chart: string, entries: readonly string[]): Html {
  return html`<ul class="legend" data-legend="${chart}">
    ${entries.map((text) => html`<li class="${text}">${text}<span></span></li>`)}
    <li class="at"></li>
  </ul>`;
}

/** What the charts say, for those who do not see them. Hours of UTC, the newest first. */
function hourlyTable(history: History, now: number): Html {
  const { beginsAtMs, stepMs, series } = history;
  const rows: Html[] = [];
  const last = Math.floor(now / hourMs);
  const first = Math.floor(beginsAtMs / hourMs);
  for (let hour = last; hour >= Math.max(first, last - 23); hour--) {
    const from = Math.max(0, Math.round((hour * hourMs - beginsAtMs) / stepMs));
    const to = Math.max(0, Math.round(((hour + 1) * hourMs - beginsAtMs) / stepMs));
    const sum = (name: CountedSeries) => series[name].slice(from, to).reduce((all, value) => all + value, 0);
    const [hits, misses] = [sum('hits'), sum('misses')];
    const iso = new Date(hour * hourMs).toISOString();
    rows.push(
      html`<tr>
        <th scope="row" class="tight"><time datetime="${iso}">${iso.slice(11, 16)}</time></th>
        <td class="number">${countText(hits)}</td>
        <td class="number">${countText(misses)}</td>
        <td class="number">${shareText(hits, hits + misses)}</td>
        <td class="number">${bytesText(sum('sentBytes'))}</td>
        <td class="number">${bytesText(sum('receivedBytes'))}</td>
        <td class="number">${countText(sum('pushes'))}</td>
        <td class="number">${bytesText(sum('evictedBytes'))}</td>
      </tr>`,
    );
  }
  return html`<details>
    <summary>The same in figures, hour by hour</summary>
    <div class="scroll low" role="region" tabindex="0" aria-label="Figures hour by hour">
      <table id="hours" data-live="">
        <caption>
          What this process answered, moved and removed in each hour (UTC), the newest first
        </caption>
        <thead>
          <tr>
            <th scope="col">Hour</th>
            <th scope="col" class="number">Hits</th>
            <th scope="col" class="number">Misses</th>
            <th scope="col" class="number">Hit ratio</th>
            <th scope="col" class="number">Sent</th>
            <th scope="col" class="number">Received</th>
            <th scope="col" class="number">Pushes</th>
            <th scope="col" class="number">Evicted</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </details>`;
}
