import type { BlobPresence, RecordView, TreeEntry, TreePlace, TreeTotals } from '../../core/browsing.ts';
import { digestText } from '../../core/digest.ts';
import { ago, bytesText, countOf } from './figures.ts';
import { type Html, html, link, name } from './html.ts';
import { referenceCrumbs } from './references-page.ts';

/** Text up to this size is shown. Bytes. */
export const mostViewedBytes = 1024 * 1024;

const presenceText: Record<BlobPresence, string> = { present: '', missing: 'missing', damaged: 'damaged' };

/** A folder of what a record leads to, or one of its files. */
export function treePage(place: TreePlace, path: string, now: number): Html {
  const { record } = place;
  return html`
    <h1>${name(path === '' ? lastOf(record.name) : lastOf(path))}</h1>
    <nav aria-label="Folders">
      <ol class="path">
        ${recordCrumbs(record, path)}
      </ol>
    </nav>
    ${stateNote(record)}
    ${place.type === 'folder' ? folderView(place, path, now) : fileView(place.file, record, path)}
  `;
}

function stateNote({ state }: RecordView): Html | undefined {
  if (state === 'unreadable')
    return html`<p class="bad">
      It cannot be read: a push of it replaces it, <code>weir fsck --repair</code> removes it.
    </p>`;
  if (state === 'expired') return html`<p class="warn">It has expired: nobody gets it any more.</p>`;
  return undefined;
}

type Folder = Extract<TreePlace, { type: 'folder' }>;

function folderView({ record, page, totals, presence }: Folder, path: string, now: number): Html {
  const here = (parameters: Record<string, string>) =>
    link('/status/tree', { ref: record.name, path, ...parameters });
  return html`
    <dl class="facts">
      ${fact('Contents', totalsText(totals))} ${path === '' && fact('Kind', record.kind)}
      ${path === '' && fact('Last used', ago(record.usedAtMs, now))}
      ${presence !== 'present' && fact('This folder', html`<strong class="bad">${presenceText[presence]}</strong>`)}
    </dl>
    <section class="card" aria-labelledby="entries-title">
      <div class="head"><h2 id="entries-title">In this folder</h2></div>
      ${
        page.entries.length === 0
          ? html`<p class="lead">
              ${presence === 'present' ? 'Nothing is in it.' : 'What is in it cannot be told.'}
            </p>`
          : html`<div class="scroll">
              <table>
                <caption>
                  Folders, files and links with their sizes
                </caption>
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col" class="number">Size</th>
                    <th scope="col" class="optional">Holds</th>
                    <th scope="col">Get</th>
                  </tr>
                </thead>
                <tbody>
                  ${page.entries.map((entry) => row(entry, record, path))}
                </tbody>
              </table>
            </div>`
      }
      ${
        page.next !== undefined &&
        html`<p class="more">
          <a class="button" rel="next" href="${here({ after: page.next })}">Next entries</a>
        </p>`
      }
    </section>
  `;
}

function row(entry: TreeEntry, record: RecordView, folder: string): Html {
  const { type, sizeBytes, totals, presence, target, isExecutable } = entry;
  const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
  const label =
    type === 'symlink'
      ? name(entry.name)
      : html`<a href="${link('/status/tree', { ref: record.name, path })}">${name(entry.name)}</a>`;
  return html`<tr>
    <th scope="row">
      <span class="entry ${type}">${label}</span>
      ${type === 'symlink' && html`<span class="note">→ ${name(target ?? '')}</span>`}
      ${presence !== 'present' && html` <strong class="bad">${presenceText[presence]}</strong>`}
    </th>
    <td class="number">${type === 'symlink' ? '' : sizeBytes === undefined ? '–' : bytesText(sizeBytes)}</td>
    <td class="optional note">
      ${type === 'folder' ? totalsText(totals) : isExecutable ? 'executable' : type === 'symlink' ? 'link' : ''}
    </td>
    <td class="tight">${type === 'file' && presence === 'present' && getLinks(entry, record, path)}</td>
  </tr>`;
}

function getLinks({ name: text, sizeBytes = 0 }: TreeEntry, record: RecordView, path: string): Html {
  const parameters = { ref: record.name, path };
  const what = name(text);
  return html`${
      sizeBytes <= mostViewedBytes &&
      html`<a href="${link('/status/view', parameters)}">View<span class="hidden"> ${what}</span></a> · `
    }<a href="${link('/status/download', parameters)}">Download<span class="hidden"> ${what}</span></a>`;
}

function fileView(file: TreeEntry, record: RecordView, path: string): Html {
  const { digest, sizeBytes = 0, presence, isExecutable, type, target } = file;
  const parameters = { ref: record.name, path };
  return html`
    <dl class="facts">
      ${type === 'symlink' ? fact('Leads to', name(target ?? '')) : fact('Size', bytesText(sizeBytes))}
      ${isExecutable && fact('Executable', 'yes')}
      ${digest !== undefined && fact('Digest', html`<code>${digestText(digest)}</code>`)}
      ${presence !== 'present' && fact('State', html`<strong class="bad">${presenceText[presence]}</strong>`)}
    </dl>
    ${
      presence !== 'present' &&
      html`<p>
        Its blob is not here, so nobody gets what needs it: to a client it is not cached. A push of it heals
        the cache;
        <code>weir why-missing</code> says more.
      </p>`
    }
    ${
      type === 'file' &&
      presence === 'present' &&
      html`<p>
        ${
          sizeBytes <= mostViewedBytes
            ? html`<a class="button" href="${link('/status/view', parameters)}">View as text</a>`
            : html`<span class="note">It is too large to be shown here.</span>`
        }
        <a class="button" href="${link('/status/download', parameters)}">Download</a>
      </p>`
    }
  `;
}

function recordCrumbs(record: RecordView, path: string): Html {
  const segments = path === '' ? [] : path.split('/');
  const last = segments.pop();
  const top = { ref: record.name };
  return html`
    ${
      record.kind === 'reference'
        ? keyCrumbs(record.name)
        : html`<li><a href="/status/references">References</a></li>`
    }
    <li>
      ${
        path === ''
          ? html`<span aria-current="page">${name(lastName(record))}</span>`
          : html`<a href="${link('/status/tree', top)}">${name(lastName(record))}</a>`
      }
    </li>
    ${segments.map((segment, index) => {
      const folder = segments.slice(0, index + 1).join('/');
      return html`<li><a href="${link('/status/tree', { ...top, path: folder })}">${name(segment)}</a></li>`;
    })}
    ${last !== undefined && html`<li aria-current="page">${name(last)}</li>`}
  `;
}

function keyCrumbs(text: string): Html {
  const colon = text.indexOf(':');
  const key = text.slice(colon + 1).split('/');
  return referenceCrumbs(colon === -1 ? '' : text.slice(0, colon), key.slice(0, -1));
}

function lastName({ kind, name: text }: RecordView): string {
  return kind === 'reference' ? lastOf(text) : text;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function totalsText(totals: TreeTotals | undefined): string {
  if (totals === undefined) return 'too many to add up';
  const { files, folders, bytes } = totals;
  return `${bytesText(bytes)} in ${countOf(files, 'file')}${folders > 0 ? ` and ${countOf(folders, 'folder')}` : ''}`;
}

function fact(term: string, value: Html | string): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`;
}
