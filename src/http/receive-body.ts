import type { Observer } from '../core/observer.ts';
import type { Exchange } from './exchange.ts';
import { serviceName } from './send-blob.ts';

/** How many bytes the body has; undefined when only its end will tell. */
export function announcedBytes({ request }: Exchange): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  // The parser has seen to it that it is a number.
  return Number(request.headers['content-length'] ?? 0);
}

/** The body as it arrives, counted. A connection that breaks is thrown; a consumer that stops early can still answer. */
export async function* bodyOf(exchange: Exchange, observer: Observer): AsyncGenerator<Buffer> {
  const { request, response, listener, expectsContinue } = exchange;
  if (expectsContinue) {
    response.removeHeader('connection');
    response.writeContinue();
  }
  // Left to itself, an iterator that ends early ends the connection too.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    observer.received(serviceName, listener, chunk.length);
    yield chunk;
  }
}

/**
 * Reads what is not needed, so that the answer finds a client that has stopped sending: some do not look for it
 * before. One that waits to be asked for its body is not asked.
 */
export async function withoutBody(exchange: Exchange, observer: Observer): Promise<void> {
  if (exchange.expectsContinue) return;
  for await (const _chunk of bodyOf(exchange, observer)) {
    // Not needed.
  }
}

/** The whole body of a request that announces few bytes. */
export async function wholeBody(exchange: Exchange, observer: Observer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(exchange, observer)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
