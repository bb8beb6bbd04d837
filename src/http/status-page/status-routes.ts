import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Browser } from '../../core/browsing.ts';
import { CacheError } from '../../core/cache-error.ts';
import { slots } from '../../core/slots.ts';
import type { StatusSources } from '../../core/status.ts';
import { HttpRefusal, httpStatusOf } from '../cache-status.ts';
import { assetAt } from './assets.ts';
import { sendDownload, sendView } from './content-answers.ts';
import { type Html, html } from './html.ts';
import { isKnownHost } from './known-hosts.ts';
import { overviewPage } from './overview-page.ts';
import { assetHeaders, errorPage, pageHeaders, sendPage } from './page-answers.ts';
import { pageFrame } from './page-frame.ts';
import { lookupForm, referencesPage } from './references-page.ts';
import { treePage } from './tree-page.ts';

/** Answers the paths of the status page. */
export interface StatusPage {
  /** Whether this path is one of its own. */
  has(path: string): boolean;
  /** Whether this request would rather have the page than the list of paths. */
  isWanted(request: IncomingMessage): boolean;
  /** `path` is without its query. Never rejects for what a request asks; its answer then says what is wrong. */
  answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** So many look into the volume at once; others wait for their turn. Downloads take no place once they have begun. */
const mostAtOnce = 4;
/** A text in a query may be so long: the longest URI of an asset, and an instance name. */
const longestText = 9000;

/** The pages, made of what the sources say. */
export function statusPage(sources: StatusSources): StatusPage {
  const places = slots(mostAtOnce);
  const frame = { version: sources.version, browses: sources.browser !== undefined };

  /** In its turn, unless the client goes away first. */
  async function inTurn<T>(response: ServerResponse, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const gone = new AbortController();
    const leave = () => gone.abort(new CacheError('aborted', 'the client went away'));
    response.once('close', leave);
    const release = await places.take(gone.signal);
    try {
      return await work(gone.signal);
    } finally {
      release();
      response.off('close', leave);
    }
  }

  async function answerReferences(browser: Browser, query: Query, response: ServerResponse): Promise<void> {
    const { instance, folder, after } = query;
    const shown = await inTurn(response, async (signal) => {
      const page = await browser.references(instance, folder, after, signal);
      return page && { instanceName: instance, folder, after, page, instances: await browser.instances() };
    });
    if (shown === undefined)
      throw new CacheError('not-found', 'there are no references in a folder of this name');
    const title = folder === '' ? 'References' : folder;
    const head = { ...frame, title, place: 'references' } as const;
    sendPage(response, 200, pageFrame(head, referencesPage(shown, sources.clock())));
  }

  async function placeOf(browser: Browser, { ref, path, after }: Query, response: ServerResponse) {
    if (ref === '') throw new CacheError('invalid-argument', 'say in "ref" what is to be looked up');
    const place = await inTurn(response, (signal) => browser.record(ref, path, after, signal));
    if (place === undefined)
      throw new CacheError(
        'not-found',
        path === '' ? 'nothing of this name is here' : 'nothing is at this path of what the name leads to',
      );
    return place;
  }

  async function answerTree(browser: Browser, query: Query, response: ServerResponse): Promise<void> {
    const place = await placeOf(browser, query, response);
    const title = query.path === '' ? query.ref : query.path;
    const head = { ...frame, title, place: 'references' } as const;
    sendPage(response, 200, pageFrame(head, treePage(place, query.path, sources.clock())));
  }

  async function answerBrowsing(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { browser } = sources;
    if (browser === undefined)
      throw new HttpRefusal(
        403,
        'this server shows figures only here, no names and no contents: STATUS_PAGE=full would show them',
      );
    const query = queryOf(request);
    if (path === '/status/references') return await answerReferences(browser, query, response);
    if (path === '/status/tree') return await answerTree(browser, query, response);
    const place = await placeOf(browser, query, response);
    if (path === '/status/view')
      return await inTurn(response, () => sendView(browser, place, request, response));
    await sendDownload(browser, place, request, response);
  }

  async function answerPath(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isKnownHost(request.headers.host, sources.hosts))
      throw new HttpRefusal(
        403,
        'the status page is given under an address or a name of your own network; STATUS_HOSTS lists others',
      );
    if (path === '/' || path === '/status' || path === '/status/')
      return sendPage(response, 200, await overviewPage(sources));
    if (path === '/status/history.json') return sendHistory(sources, response);
    const asset = assetAt(path);
    if (asset !== undefined) {
      response.writeHead(200, {
        ...assetHeaders,
        'content-type': asset.type,
        'content-length': asset.bytes.length,
      });
      response.end(asset.bytes);
      return;
    }
    if (browsingPaths.has(path)) return await answerBrowsing(path, request, response);
    throw new CacheError('not-found', 'there is no page of this name');
  }

  function refuse(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    const status = statusOf(error);
    if (status === undefined || response.headersSent) throw error;
    const more = browsingPaths.has(pathOf(request)) ? moreHelp(frame.browses, refOf(request)) : undefined;
    sendPage(response, status, errorPage(status, sentence(error), { ...frame, more }));
  }

  return {
    has: (path) => path === '/status' || path.startsWith('/status/'),
    isWanted: (request) =>
      wantsHtml(request.headers.accept) && isKnownHost(request.headers.host, sources.hosts),
    async answer(path, request, response) {
      try {
        await answerPath(path, request, response);
      } catch (error) {
        if (!response.destroyed) refuse(error, request, response);
      }
    },
  };
}

const browsingPaths: ReadonlySet<string> = new Set([
  '/status/references',
  '/status/tree',
  '/status/view',
  '/status/download',
]);

interface Query {
  readonly instance: string;
  readonly folder: string;
  readonly after: string;
  readonly ref: string;
  readonly path: string;
}

/** What a request asks for; what it says twice or nobody knows is not looked at. Throws 'invalid-argument' for what is too long. */
function queryOf(request: IncomingMessage): Query {
  const url = request.url ?? '';
  const at = url.indexOf('?');
  const parameters = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const text = (name: string) => {
    const value = parameters.get(name) ?? '';
    if (value.length > longestText)
      throw new CacheError(
        'invalid-argument',
        `the text of "${name}" is longer than ${longestText} characters`,
      );
    return value;
  };
  return {
    instance: text('instance'),
    folder: trimmed(text('folder')),
    after: text('after'),
    ref: text('ref').trim(),
    path: trimmed(text('path')),
  };
}

function refOf(request: IncomingMessage): string {
  try {
    return queryOf(request).ref;
  } catch {
    return '';
  }
}

function trimmed(path: string): string {
  let [from, to] = [0, path.length];
  while (path[from] === '/') from++;
  while (to > from && path[to - 1] === '/') to--;
  return path.slice(from, to);
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.replace(/\?.*/s, '');
}

function moreHelp(browses: boolean, ref: string): Html | undefined {
  if (!browses) return undefined;
  return html`${lookupForm(ref)}
    <p><a href="/status/references">All references</a></p>`;
}

/** Undefined for what is a fault of ours, which the caller logs. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpRefusal) return error.status;
  if (!(error instanceof CacheError) || error.kind === 'internal') return undefined;
  // To a reader too much is too much to show; nothing is stored here.
  return error.kind === 'resource-exhausted' ? 413 : httpStatusOf(error.kind);
}

function sentence(error: unknown): string {
  const { message } = error as Error;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

/** Browsers name HTML; Prometheus, probes and curl do not. */
function wantsHtml(accept: string | undefined): boolean {
  return /(?:^|,)\s*text\/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(accept ?? '');
}

function sendHistory(sources: StatusSources, response: ServerResponse): void {
  // What was not measured is NaN, which JSON has no word for: it becomes null.
  const body = JSON.stringify(sources.history());
  response.writeHead(200, {
    ...pageHeaders,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
