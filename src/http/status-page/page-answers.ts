import type { ServerResponse } from 'node:http';
import { type Html, html } from './html.ts';
import { pageFrame } from './page-frame.ts';

/**
 * What every answer says to browsers. Nothing from elsewhere is loaded, nothing is executed but our own files, and no
 * page of another site may frame or embed what is here.
 */
const guards = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** For content of the cache, which is anybody's: nothing in it is ever executed, loaded or drawn. */
const contentPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox";

/** Headers of a page that is made anew for each request. */
export const pageHeaders = {
  ...guards,
  'content-security-policy': pagePolicy,
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  vary: 'accept',
} as const;

/** Headers of a file of the cache; the type is of the caller's choice. */
export const contentHeaders = {
  ...guards,
  'content-security-policy': contentPolicy,
  'cache-control': 'no-store',
} as const;

/** Headers of a file of the pages themselves, whose path changes when it does. */
export const assetHeaders = {
  ...guards,
  'content-security-policy': contentPolicy,
  'cache-control': 'public, max-age=31536000, immutable',
} as const;

export function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, { ...pageHeaders, 'content-length': Buffer.byteLength(page) });
  response.end(page);
}

/** A page that says what is wrong and where to go on. */
export function errorPage(
  status: number,
  sentence: string,
  { version, browses, more }: { version: string; browses: boolean; more?: Html | undefined },
): string {
  const titles: Record<number, string> = {
    400: 'That is no name',
    403: 'Not shown here',
    404: 'Nothing is here',
  };
  const title = titles[status] ?? 'That did not work';
  return pageFrame(
    { title, place: 'none', version, browses },
    html`<h1>${title}</h1>
      <p class="lead">${sentence}</p>
      ${more}
      <p><a href="/status">Back to the status page</a></p>`,
  );
}
