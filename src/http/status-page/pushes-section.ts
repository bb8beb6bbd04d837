import type { RecentPush } from '../../core/status.ts';
import { ago, bytesText, countOf, countText } from './figures.ts';
import { type Html, html, link, name, visible } from './html.ts';

const buildstreamUrn = /^urn:fdc:buildstream\.build:2020:(?:artifact|source):/;

/** Who pushed what, the newest first. */
export function pushesSection(pushes: readonly RecentPush[], now: number): Html {
  return html`<section class="card" id="pushes" data-live="" aria-labelledby="pushes-title">
    <div class="head">
      <h2 id="pushes-title">Recent pushes</h2>
      <p class="note">The last ${countText(Math.max(pushes.length, 1))} through this process</p>
    </div>
    ${
      pushes.length === 0
        ? html`<p class="lead">Nobody has pushed anything since this process started.</p>`
        : html`<div class="scroll low" role="region" tabindex="0" aria-label="The list of recent pushes">
            <table>
              <caption class="hidden">
                What was pushed, by whom
              </caption>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">What</th>
                  <th scope="col">Who</th>
                  <th scope="col" class="number optional">Size</th>
                  <th scope="col" class="number optional">Blobs</th>
                  <th scope="col" class="optional">Tool</th>
                </tr>
              </thead>
              <tbody>
                ${pushes.map((push) => row(push, now))}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

function row(push: RecentPush, now: number): Html {
  const { keys, keyCount, missing } = push;
  return html`<tr>
    <td class="tight">${ago(push.atMs, now)}</td>
    <td class="wrap">
      <ul class="keys">
        ${keys.map((key) => html`<li>${keyLink(key)}</li>`)}
        ${keyCount > keys.length && html`<li>and ${countOf(keyCount - keys.length, 'more name')}</li>`}
        ${missing > 0 && html`<li class="warn">${countOf(missing, 'blob')} were not here then</li>`}
      </ul>
    </td>
    <td class="wrap">${who(push)}</td>
    <td class="number optional">${bytesText(push.bytes)}</td>
    <td class="number optional">${countText(push.blobs)}</td>
    <td class="optional wrap">${push.tool === undefined ? '–' : name(push.tool)}</td>
  </tr>`;
}

/** BuildStream's own name of an artifact says more than the URN around it. */
function keyLink(key: string): Html {
  const own = key.replace(buildstreamUrn, '');
  // Of a cache key the beginning is enough to tell it from others.
  const short = own.replace(/(?<=\/[0-9a-f]{12})[0-9a-f]{20,}$/, '…');
  return html`<a href="${link('/status/tree', { ref: key })}" title="${visible(own)}">${name(short)}</a>`;
}

function who({ who, fingerprint }: RecentPush): Html {
  if (who === undefined) return html`<span class="unknown">nobody verified</span>`;
  return fingerprint === undefined
    ? html`${name(who)} <span class="note">token</span>`
    : html`${name(who)}
        <code title="SHA-256 of the certificate: ${fingerprint}">${fingerprint.slice(0, 8)}…</code>`;
}
