import assert from 'node:assert/strict';
import { ask, type HttpAnswer } from './http-cache.ts';
import { textOf } from './page-text.ts';

/** What a browser says that it would like best. */
export const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Asks the operations port for a path, as a browser does where nothing else is said. */
export async function getFrom(
  opsUrl: string,
  path: string,
  headers: Record<string, string> = asBrowser,
): Promise<HttpAnswer> {
  return await ask('GET', opsUrl + path, { headers });
}

/** A page, and proof that it is one of ours: guarded, and with nothing from elsewhere. */
export async function pageFrom(opsUrl: string, path: string, status = 200): Promise<string> {
  const answer = await getFrom(opsUrl, path);
  const body = answer.body.toString();
  assert.equal(answer.status, status, `${path}: ${textOf(body).slice(0, 300)}`);
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(answer.headers['content-security-policy'], policy);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assertSelfContained(body);
  return body;
}

/** Nothing comes from another place, and nothing in the document itself is executed or applied. */
function assertSelfContained(html: string): void {
  for (const [, attribute, value = ''] of html.matchAll(/\s(src|href|action|poster|srcset|data)="([^"]*)"/g))
    assert.match(value, /^(\/(?!\/)|#)/, `${attribute}="${value}"`);
  assertWithout(html, /<(?:style|iframe|object|embed|base)[\s>]/i);
  assertWithout(html.replaceAll(/"[^"]*"/g, '""'), /<[^>]*\s(?:style|on\w+)=/i);
  for (const [, attributes = '', body = ''] of html.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)) {
    assert.match(attributes, /src="\/status\/assets\//);
    assert.equal(body, '');
  }
  assertWithout(html, /undefined|NaN|\[object/);
}

/** A whole page in a message would help nobody. */
export function assertWithout(html: string, pattern: RegExp): void {
  const found = pattern.exec(html);
  assert.ok(found === null, `${pattern.source}: …${html.slice(found?.index, (found?.index ?? 0) + 200)}`);
}
