import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestTls, type RequestOptions } from 'node:https';
import { buffer } from 'node:stream/consumers';

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How to ask, beside the method and the url. */
export interface HttpQuestion extends Omit<RequestOptions, 'headers'> {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | undefined;
}

/**
 * One request on a connection of its own. node:http and not fetch, which adds encodings by itself, and hides
 * answers that come before all of the body has been sent.
 */
export async function ask(method: string, url: string, question: HttpQuestion = {}): Promise<HttpAnswer> {
  const { body, headers = {}, ...options } = question;
  const begin = url.startsWith('https:') ? requestTls : request;
  // Node's client ends a body with a write of nothing. On a socket file that fails when the server has answered and closed the connection
  // by then, and takes the answer with it: so there it is the client that closes.
  const agent = options.socketPath !== undefined && new Agent({ keepAlive: true });
  const outgoing = begin(url, { agent, ...options, headers, method });
  // Told by the wait for the answer; what happens to the rest of a body after it is nobody's business.
  outgoing.on('error', () => {});
  const answer = once(outgoing, 'response');
  // Without a length node would send it in chunks.
  if (body !== undefined && headers['transfer-encoding'] === undefined)
    outgoing.setHeader('content-length', body.length);
  outgoing.end(body);
  const [incoming] = (await answer.catch((cause: unknown) => {
    if (cause instanceof Error) cause.message = `${method} ${url} had no answer: ${cause.message}`;
    throw cause;
  })) as [IncomingMessage];
  try {
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await buffer(incoming) };
  } finally {
    if (agent) agent.destroy();
  }
}

/** A key that nobody else uses: 32 hex digits, as Gradle's. */
export function gradleKey(): string {
  return randomBytes(16).toString('hex');
}
