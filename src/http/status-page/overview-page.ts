import { type History, roomOf, type StatusSources, type VolumeFigures } from '../../core/status.ts';
import { chartsSection, sumOf } from './charts-section.ts';
import { ago, bytesText, countText, shareText, spanText } from './figures.ts';
import { healthLines, healthSection, overall } from './health-section.ts';
import { type Html, html } from './html.ts';
import { pageFrame } from './page-frame.ts';
import { pushesSection } from './pushes-section.ts';
import { storageSection } from './storage-section.ts';

const hourMs = 3_600_000;

/** The page that says how the cache does. */
export async function overviewPage(sources: StatusSources): Promise<string> {
  const { version, clock, startedAtMs, detail, browser } = sources;
  const volume = await sources.volume();
  const now = clock();
  const history = sources.history();
  const lines = healthLines(sources, volume);
  const state = overall(lines, sources.readiness());
  const main = html`
    <div class="title" id="state" data-live="">
      <h1>Status</h1>
      <span class="pill ${state.level}">${state.text}</span>
      <span class="note">started ${ago(startedAtMs, now)}</span>
    </div>
    ${tiles(sources, history, volume, now)} ${chartsSection(sources, history)}
    ${storageSection(sources.storage(), detail === 'full', now)}
    ${detail === 'full' && pushesSection(sources.recentPushes(), now)} ${healthSection(lines)}
  `;
  const head = { title: 'Status', place: 'status', version, browses: browser !== undefined } as const;
  return pageFrame({ ...head, isLive: true }, main);
}

function tiles(
  sources: StatusSources,
  history: History,
  volume: VolumeFigures | undefined,
  now: number,
): Html {
  const sum = (name: Parameters<typeof sumOf>[1], since = 0) => sumOf(history, name, since);
  const [hits, misses] = [sum('hits'), sum('misses')];
  const [hourHits, hourMisses] = [sum('hits', now - hourMs), sum('misses', now - hourMs)];
  const { evictionAgeMs } = sources.happenings();
  return html`<dl class="tiles" id="figures" data-live="">
    ${tile(
      'Hit ratio, last hour',
      shareText(hourHits, hourHits + hourMisses),
      html`${shareText(hits, hits + misses)} of ${countText(hits + misses)} in a day`,
    )}
    ${tile('Sent, last day', bytesText(sum('sentBytes')), html`${bytesText(sum('sentBytes', now - hourMs))} in the last hour`)}
    ${tile(
      'Received, last day',
      bytesText(sum('receivedBytes')),
      html`${bytesText(sum('receivedBytes', now - hourMs))} in the last hour`,
    )}
    ${tile('Pushes, last day', countText(sum('pushes')), html`${countText(sum('pushes', now - hourMs))} in the last hour`)}
    ${roomTile(volume)}
    ${tile(
      'Eviction age',
      evictionAgeMs === undefined ? '–' : spanText(evictionAgeMs),
      evictionAgeMs === undefined ? html`nothing had to go yet` : html`what is unused for so long goes`,
    )}
  </dl>`;
}

function tile(label: string, figure: string, note: Html): Html {
  return html`<div class="tile">
    <dt>${label}</dt>
    <dd><span class="figure">${figure}</span> <span class="note">${note}</span></dd>
  </div>`;
}

/** Of the quota where there is one, of the file system otherwise. */
function roomTile(volume: VolumeFigures | undefined): Html {
  if (volume === undefined) return tile('Room', '–', html`the volume does not answer`);
  const { usedBytes: used, limitBytes: limit } = roomOf(volume);
  const percent = limit <= 0 ? 0 : Math.min(100, (used / limit) * 100);
  return html`<div class="tile">
    <dt>${volume.quota === undefined ? 'Disk used' : 'Quota used'}</dt>
    <dd>
      <span class="figure">${shareText(used, limit)}</span>
      <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect class="track" width="100" height="8" rx="2" />
        <rect class="filled ${percent > 95 && 'warn'}" width="${percent.toFixed(2)}" height="8" rx="2" />
      </svg>
      <span class="note">${bytesText(used)} of ${bytesText(limit)}</span>
    </dd>
  </div>`;
}
