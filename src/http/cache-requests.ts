import type { IncomingMessage, ServerResponse } from 'node:http';
import { whyPullOnly } from '../core/access.ts';
import { CacheError } from '../core/cache-error.ts';
import { quote } from '../core/digest.ts';
import { identityFields, type Logger } from '../core/observer.ts';
import { blobRequests } from './blob-requests.ts';
import { type CachePath, parseCachePath } from './cache-path.ts';
import { HttpRefusal, httpStatusOf } from './cache-status.ts';
import type { Exchange } from './exchange.ts';
import { type ValueParts, valueRequests } from './value-requests.ts';

/** What requests are answered from. */
export interface CacheParts extends ValueParts {
  /** Set where only names are kept: what needs blobs is not offered then. */
  readonly indexOnly: boolean;
  readonly logger: Logger;
}

const methods = ['GET', 'HEAD', 'PUT'] as const;
type Method = (typeof methods)[number];

/** What statuses are incomplete without. A restart takes less than a second. */
const headersOf: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'www-authenticate': 'Bearer' },
  503: { 'retry-after': '1' },
};

/** How long a client may go on sending a body after it was told that nobody wants it. */
export const unwantedBodyMs = 30_000;

/** Answers one request, whatever it is. Never rejects. */
export async function answerCacheRequest(
  exchange: Exchange,
  pushHint: string,
  parts: CacheParts,
): Promise<void> {
  const { listener, request, response } = exchange;
  const { observer, logger } = parts;
  const begun = performance.now();
  let message: string | undefined;
  observer.callBegan(listener);
  try {
    if (exchange.refusal !== undefined) throw exchange.refusal;
    const method = methodOf(request.method);
    if (method === 'PUT') expectPush(exchange, pushHint);
    const path = parseCachePath(request.url ?? '');
    await answer(exchange, method, path, parts);
  } catch (error) {
    message = refuse(exchange, error, logger);
  } finally {
    observer.callEnded(listener);
    const seconds = (performance.now() - begun) / 1000;
    observer.httpAnswered(methodLabel(request.method), response.statusCode, listener, seconds);
    if (logger.debugs) logger.debug('call', { ...described(exchange, seconds), ...(message && { message }) });
  }
}

async function answer(exchange: Exchange, method: Method, path: CachePath, parts: CacheParts): Promise<void> {
  if (parts.indexOnly)
    throw new CacheError('unimplemented', 'this server is an index and has no blobs; use a storage server');
  if (path.space === 'cas') {
    const { get, put } = blobRequests(parts.blobs, parts.intakes, parts.observer);
    await (method === 'PUT' ? put : get)(exchange, path);
  } else {
    const { get, put } = valueRequests(parts);
    await (method === 'PUT' ? put : get)(exchange, path);
  }
}

function methodOf(method: string | undefined): Method {
  const known = methods.find((candidate) => candidate === method);
  if (known !== undefined) return known;
  throw new HttpRefusal(405, `${quote(method ?? '')} is not answered here: there are ${methods.join(', ')}`, {
    allow: methods.join(', '),
  });
}

/** The one place of this protocol where a role decides anything. */
function expectPush(exchange: Exchange, pushHint: string): void {
  if (exchange.role !== 'push') throw whyPullOnly(exchange, pushHint);
}

/** Answers with the status and the sentence of an error; what only we can mend is logged. Gives back the sentence. */
function refuse(exchange: Exchange, error: unknown, logger: Logger): string {
  const { request, response, signal } = exchange;
  if (signal.aborted || (request.destroyed && !request.complete)) return 'the client has hung up';
  const [status, sentence, headers] = refusal(exchange, error, logger);
  // Half of an answer is out: all that is left to say is that it is not whole.
  if (response.headersSent) response.destroy();
  else send(exchange, status, sentence, headers);
  return sentence;
}

function refusal(
  { request }: Exchange,
  error: unknown,
  logger: Logger,
): [status: number, sentence: string, headers: Readonly<Record<string, string>>] {
  if (error instanceof HttpRefusal) return [error.status, error.message, error.headers];
  const call = { method: request.method, path: request.url };
  if (!(error instanceof CacheError)) {
    logger.error('a call failed in a way nobody expected', { ...call, error: stackOf(error) });
    return [500, 'the server failed; its log says how', {}];
  }
  if (error.cause !== undefined) {
    const level = error.kind === 'internal' ? 'error' : 'warn';
    logger[level](error.message, { ...call, cause: stackOf(error.cause) });
  }
  const status = httpStatusOf(error.kind);
  return [status, error.message, headersOf[status] ?? {}];
}

function send(
  { request, response, expectsContinue }: Exchange,
  status: number,
  sentence: string,
  headers: Readonly<Record<string, string>>,
): void {
  const body = `${sentence}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  if (request.complete || expectsContinue)
    return void response.end(request.method === 'HEAD' ? undefined : body);
  response.write(body);
  endWithBody(request, response);
}

/** Ended at once, a connection that is to be closed after its answer would be closed on a client that still sends, and take the answer with it. */
function endWithBody(request: IncomingMessage, response: ServerResponse): void {
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, unwantedBodyMs);
  timer.unref();
  request.once('close', end);
  request.resume();
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Labels of metrics come from a list: a client's words would make ever new series. */
function methodLabel(method: string | undefined): string {
  return methods.find((candidate) => candidate === method) ?? 'other';
}

function described(
  { request, response, listener, identity }: Exchange,
  seconds: number,
): Record<string, unknown> {
  const { headers, socket } = request;
  return {
    method: `HTTP ${request.method}`,
    path: request.url?.slice(0, 300),
    listener,
    status: response.statusCode,
    seconds: Number(seconds.toFixed(6)),
    peer: headers['x-forwarded-for'] ?? socket.remoteAddress,
    tool: headers['user-agent']?.slice(0, 100),
    ...(identity && identityFields(identity)),
  };
}
