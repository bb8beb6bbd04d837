import { assetPaths } from './assets.ts';
import { type Html, html, visible } from './html.ts';

/** A place in the navigation. */
export type Place = 'status' | 'references' | 'none';

/** What a page is besides its content. */
export interface PageHead {
  readonly title: string;
  readonly place: Place;
  readonly version: string;
  /** Whether there are references to be looked at. */
  readonly browses: boolean;
  /** Whether charts are drawn and figures renewed. */
  readonly isLive?: boolean;
}

const mark = html`<svg
  class="mark"
  viewBox="0 0 32 32"
  width="28"
  height="28"
  aria-hidden="true"
  focusable="false"
>
  <rect width="32" height="32" rx="7" />
  <path d="M4 11 q3 -3 6 0 t6 0 v4 M16 15 q0 6 3 7 t3 0 t3 0 t3 0" />
  <path d="M4 16 h12 M4 21 h12" class="faint" />
</svg>`;

/** A whole page. Everything in it comes from this server, and the essentials need no script. */
export function pageFrame({ title, place, version, browses, isLive = false }: PageHead, main: Html): string {
  const current = (here: Place) => (here === place ? html` aria-current="page"` : undefined);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${visible(title)} · Weir</title>
        <link rel="icon" href="${assetPaths.icon}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assetPaths.style}" />
        ${
          isLive && [
            html`<link rel="stylesheet" href="${assetPaths.chartStyle}" />`,
            html`<script src="${assetPaths.chartLibrary}" defer></script>`,
            html`<script src="${assetPaths.script}" type="module"></script>`,
          ]
        }
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <div class="wide">
            <a class="brand" href="/status">${mark}<span>Weir</span></a>
            <nav aria-label="Pages">
              <a href="/status" ${current('status')}>Status</a>
              ${browses && html`<a href="/status/references" ${current('references')}>References</a>`}
              <a href="/metrics">Metrics</a>
            </nav>
          </div>
        </header>
        <main id="main" class="wide" tabindex="-1">${main}</main>
        <footer class="wide">
          <p>Weir ${version}, an artifact cache. Looking here changes nothing in it.</p>
        </footer>
      </body>
    </html>`.text;
}
