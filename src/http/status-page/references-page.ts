import type { FolderPage, ReferenceEntry } from '../../core/browsing.ts';
import { ago } from './figures.ts';
import { type Html, html, link, name } from './html.ts';

/** A folder of references. */
export interface ReferenceFolder {
  readonly instanceName: string;
  readonly folder: string;
  readonly after: string;
  readonly page: FolderPage<ReferenceEntry>;
  /** All that there are. */
  readonly instances: readonly string[];
}

const here = '/status/references';

/** References folder by folder, and a field for names that have no folder. */
export function referencesPage(shown: ReferenceFolder, now: number): Html {
  const { instanceName, folder, page, after } = shown;
  return html`
    <h1>${folder === '' ? 'References' : name(folder)}</h1>
    ${crumbs(instanceName, folder)} ${folder === '' && [lookupForm(''), instancesList(shown)]}
    <section class="card" aria-labelledby="entries-title">
      <div class="head">
        <h2 id="entries-title">
          ${folder === '' ? html`Projects ${ofInstance(instanceName)}` : 'In this folder'}
        </h2>
      </div>
      ${
        page.entries.length === 0
          ? html`<p class="lead">
              ${
                after === ''
                  ? 'There are no references here. What BuildStream 2 and other tools push has no folders: look it up by its name.'
                  : 'Nothing more is here.'
              }
            </p>`
          : table(shown, now)
      }
      ${
        page.next !== undefined &&
        html`<p class="more">
          <a
            class="button"
            rel="next"
            href="${link(here, { instance: instanceName, folder, after: page.next })}"
            >Next entries</a
          >
        </p>`
      }
    </section>
  `;
}

function table({ instanceName, folder, page, after }: ReferenceFolder, now: number): Html {
  return html`<div class="scroll">
    <table>
      <caption>
        ${after === '' ? 'Sorted by name' : html`Sorted by name, after ${name(after)}`}
      </caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Last used</th>
        </tr>
      </thead>
      <tbody>
        ${page.entries.map((entry) => {
          const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
          const target =
            entry.type === 'folder'
              ? link(here, { instance: instanceName, folder: path })
              : link('/status/tree', { ref: referenceText(instanceName, path) });
          return html`<tr>
            <th scope="row">
              <span class="entry ${entry.type}"><a href="${target}">${name(entry.name)}</a></span>
            </th>
            <td class="tight">${entry.usedAtMs === undefined ? '–' : ago(entry.usedAtMs, now)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

/** As the parser of names takes it: with a colon in front where the key has one of its own. */
function referenceText(instanceName: string, key: string): string {
  return instanceName === '' && !key.includes(':') ? key : `${instanceName}:${key}`;
}

function ofInstance(instanceName: string): Html {
  return instanceName === '' ? html`` : html`of the instance ${name(instanceName)}`;
}

function instancesList({ instances, instanceName }: ReferenceFolder): Html | undefined {
  if (instances.length < 2) return undefined;
  return html`<nav class="card" aria-label="Instances">
    <h2>Instances</h2>
    <ul class="path">
      ${instances.map((one) => {
        const current = one === instanceName && html` aria-current="page"`;
        return html`<li>
          <a href="${link(here, { instance: one })}" ${current}>${one === '' ? 'unnamed' : name(one)}</a>
        </li>`;
      })}
    </ul>
  </nav>`;
}

/** Where one is, and the way up. */
function crumbs(instanceName: string, folder: string): Html | undefined {
  if (folder === '') return undefined;
  return html`<nav aria-label="Folders">
    <ol class="path">
      ${referenceCrumbs(instanceName, folder.split('/').slice(0, -1))}
      <li aria-current="page">${name(folder.split('/').at(-1) ?? '')}</li>
    </ol>
  </nav>`;
}

/** The folders above something, each a link. */
export function referenceCrumbs(instanceName: string, segments: readonly string[]): Html {
  return html`
    <li>
      <a href="${link(here, { instance: instanceName })}"
        >${instanceName === '' ? 'References' : name(instanceName)}</a
      >
    </li>
    ${segments.map((segment, index) => {
      const folder = segments.slice(0, index + 1).join('/');
      return html`<li><a href="${link(here, { instance: instanceName, folder })}">${name(segment)}</a></li>`;
    })}
  `;
}

/** For what has no folder, or is known already. */
export function lookupForm(value: string): Html {
  return html`<form class="card" action="/status/tree" method="get" role="search">
    <label
      >Look up by name: <code>project/element/key</code>, a URI, or the digest of an action
      <input name="ref" value="${value}" required maxlength="9000" autocomplete="off" spellcheck="false" />
    </label>
    <button>Look up</button>
  </form>`;
}
