import type { StorageState, StorageSummary } from '../../core/status.ts';
import { ago, bytesText, countText, spanText } from './figures.ts';
import { type Html, html, link, name } from './html.ts';

/** More projects than these are added up in one row. */
const mostProjects = 25;

/** What takes the room: by how long ago it was used, and by project where names are shown. */
export function storageSection(
  { summary, isAddingUp, failure }: StorageState,
  showsNames: boolean,
  now: number,
): Html {
  return html`<section id="storage" data-live="" aria-labelledby="storage-title">
    <div class="grid">
      <div class="card">
        <div class="head">
          <h2 id="storage-title">What takes the room</h2>
          <p class="note">${stateText(summary, isAddingUp, failure, now)}</p>
        </div>
        ${
          summary === undefined
            ? html`<p class="lead" ${isAddingUp && html` data-soon=""`}>
                ${isAddingUp ? 'The blobs are being added up in the background.' : 'There is no summary yet.'}
              </p>`
            : html`<div class="grid">
                <div class="third">${ageTable(summary)}</div>
                <div class="rest">${projectTable(summary, showsNames)}</div>
              </div>`
        }
      </div>
    </div>
  </section>`;
}

function stateText(
  summary: StorageSummary | undefined,
  isAddingUp: boolean,
  failure: string,
  now: number,
): Html {
  if (failure !== '') return html`The last try failed: ${failure}.`;
  if (summary === undefined) return html``;
  return html`Added up ${ago(summary.atMs, now)} in
  ${spanText(Math.max(summary.tookMs, 1000))}${isAddingUp && ', and again now'}.`;
}

function ageTable({ byAge }: StorageSummary): Html {
  const all = byAge.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = byAge.map(({ underMs, blobs, bytes }, index) => {
    const from = byAge[index - 1]?.underMs;
    const label = underMs === undefined ? `longer ago` : `within ${spanText(underMs)}`;
    return html`<tr>
      <th scope="row">${from === undefined && underMs === undefined ? 'ever' : label}</th>
      <td class="number">${bytesText(bytes)}</td>
      <td class="number optional">${countText(blobs)}</td>
      <td class="share">${bar(bytes, 0, all)}</td>
    </tr>`;
  });
  return html`<div class="scroll">
    <table>
      <caption>
        By age: when blobs were last used. The oldest go first when room runs short.
      </caption>
      <thead>
        <tr>
          <th scope="col">Last used</th>
          <th scope="col" class="number">On disk</th>
          <th scope="col" class="number optional">Blobs</th>
          <td></td>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function projectTable({ byProject, unreached }: StorageSummary, showsNames: boolean): Html {
  if (!showsNames) return html`<p class="note">Names of projects are not shown here: see STATUS_PAGE.</p>`;
  if (byProject === undefined)
    return html`<p class="note">
      There are too many blobs to tell in the background whose they are. <code>weir du</code> does that on
      request.
    </p>`;
  const sorted = byProject.toSorted((one, other) => other.bytes - one.bytes);
  const most = Math.max(1, sorted[0]?.bytes ?? 0, unreached?.bytes ?? 0);
  const shown = sorted.slice(0, mostProjects);
  const rest = sorted.slice(mostProjects);
  const row = (head: Html, records: number | undefined, bytes: number, ownBytes: number) =>
    html`<tr>
      <th scope="row">${head}</th>
      <td class="number optional">${records === undefined ? '' : countText(records)}</td>
      <td class="number">${bytesText(bytes)}</td>
      <td class="number optional">${bytesText(ownBytes)}</td>
      <td class="share">${bar(bytes - ownBytes, ownBytes, most)}</td>
    </tr>`;
  return html`<div class="scroll">
    <table>
      <caption>
        By project: what its references lead to. What several projects lead to counts for each; “alone” is
        what nothing else needs.
      </caption>
      <thead>
        <tr>
          <th scope="col">Project</th>
          <th scope="col" class="number optional">References</th>
          <th scope="col" class="number">On disk</th>
          <th scope="col" class="number optional">Alone</th>
          <td></td>
        </tr>
      </thead>
      <tbody>
        ${shown.map((project) => row(projectHead(project.name), project.records, project.bytes, project.ownBytes))}
        ${
          rest.length > 0 &&
          html`<tr>
            <th scope="row">${countText(rest.length)} more</th>
            <td class="number optional">${countText(rest.reduce((sum, { records }) => sum + records, 0))}</td>
            <td class="number"></td>
            <td class="number optional">
              ${bytesText(rest.reduce((sum, { ownBytes }) => sum + ownBytes, 0))}
            </td>
            <td></td>
          </tr>`
        }
        ${
          unreached !== undefined &&
          unreached.blobs > 0 &&
          row(html`<em>nothing leads to it</em>`, undefined, unreached.bytes, unreached.bytes)
        }
        ${
          sorted.length === 0 &&
          html`<tr>
            <td colspan="5">There are no references yet.</td>
          </tr>`
        }
      </tbody>
    </table>
  </div>`;
}

/** Groups in parentheses are no projects: assets and results of other tools. */
function projectHead(text: string): Html {
  if (text.endsWith(')')) return name(text);
  const colon = text.indexOf(':');
  const parameters = { instance: colon === -1 ? '' : text.slice(0, colon), folder: text.slice(colon + 1) };
  return html`<a href="${link('/status/references', parameters)}">${name(text)}</a>`;
}

/** A bar in two parts. The figures are beside it, so that nobody has to see it. */
function bar(first: number, second: number, all: number): Html {
  const width = (value: number) => (all <= 0 ? 0 : Math.min(100, (value / all) * 100)).toFixed(2);
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="track" width="100" height="10" />
    ${second > 0 && html`<rect class="own" width="${width(second)}" height="10" />`}
    ${first > 0 && html`<rect x="${width(second)}" width="${width(first)}" height="10" />`}
  </svg>`;
}
