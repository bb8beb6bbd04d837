import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, request } from 'node:http';
import { request as requestTls, type RequestOptions } from 'node:https';
import { buffer } from 'node:stream/consumers';

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How to ask, beside the method and the url. */
export interface HttpQuestion extends RequestOptions {
  readonly body?: Uint8Array | undefined;
}

/**
 * One request on a connection of its own. node:http and not fetch, which adds encodings by itself, and hides
 * answers that come before all of the body has been sent.
 */
export async function ask(method: string, url: string, question: HttpQuestion = {}): Promise<HttpAnswer> {
  const { body, ...options } = question;
  const ask = url.startsWith('https:') ? requestTls : request;
  return await new Promise((resolve, reject) => {
    const outgoing = ask(url, { agent: false, ...options, method }, (incoming) => {
      buffer(incoming).then((bytes) => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: bytes });
      }, reject);
    });
    outgoing.once('error', reject);
    if (body === undefined) outgoing.end();
    else {
      // Without a length node would send it in chunks.
      const headers = { ...options.headers };
      if (!('transfer-encoding' in headers)) outgoing.setHeader('content-length', body.length);
      outgoing.end(body);
    }
  });
}

/** A key that nobody else uses: 32 hex digits, as Gradle's. */
export function gradleKey(): string {
  return randomBytes(16).toString('hex');
}
