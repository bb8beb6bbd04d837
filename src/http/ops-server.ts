import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listenOptions } from '../core/listen-address.ts';
import { cannotListen } from '../core/listen-error.ts';
import type { Logger } from '../core/observer.ts';
import type { StatusSources } from '../core/status.ts';
import type { ReadinessState } from './readiness.ts';
import { type StatusPage, statusPage } from './status-page/status-routes.ts';

/** What the operations port shows. */
export interface OpsSources {
  readonly readiness: ReadinessState;
  readonly logger: Logger;
  /** Brings what is shown up to date, before metrics and pages are. */
  refresh(): Promise<void>;
  readonly metricsContentType: string;
  metricsText(): Promise<string>;
  /** What the status page shows; undefined for no such page. */
  readonly status: StatusSources | undefined;
}

const index = (page: StatusPage | undefined) => `weir
${page === undefined ? '' : '/status   how the cache does, for people with a browser\n'}/metrics  Prometheus metrics
/livez    200 while the process runs; never asks the volume
/readyz   200 when traffic should come here, 503 with the reasons when not
`;

/**
 * Plain HTTP for Prometheus and probes; has nothing that changes anything, so every method but GET and HEAD is refused.
 * Resolves when it listens on `host:port`; rejects with the reason when it cannot.
 */
export async function openOpsServer(sources: OpsSources, address: string): Promise<Server> {
  const server = opsServer(sources);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen('operations', address, cause)));
    server.listen(listenOptions(address), resolve);
  });
  return server;
}

function opsServer(sources: OpsSources): Server {
  const page = sources.status && statusPage(sources.status);
  const server = createServer((request, response) => {
    answer(sources, page, request, response).catch((error: unknown) => {
      sources.logger.error('the operations port failed to answer', {
        url: request.url?.slice(0, 300),
        error: String(error),
      });
      if (!response.headersSent) send(response, 500, 'the server failed to answer; its log says how\n');
      else response.destroy();
    });
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 10_000;
  server.timeout = 60_000;
  server.maxConnections = 256;
  return server;
}

async function answer(
  sources: OpsSources,
  page: StatusPage | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD are answered here\n');
  }
  const path = (request.url ?? '/').replace(/\?.*/s, '');
  if (path === '/metrics' || page?.has(path) === true) await sources.refresh();
  if (page?.has(path) === true) return await page.answer(path, request, response);
  switch (path) {
    case '/':
      response.setHeader('vary', 'accept');
      if (page?.isWanted(request) === true) return await page.answer(path, request, response);
      return send(response, 200, index(page));
    case '/livez':
      return send(response, 200, 'alive\n');
    case '/readyz': {
      const { ready, reasons } = sources.readiness.current();
      return send(response, ready ? 200 : 503, [ready ? 'ready' : 'not ready', ...reasons, ''].join('\n'));
    }
    case '/metrics':
      return send(response, 200, await sources.metricsText(), sources.metricsContentType);
    default:
      return send(response, 404, `nothing is here; see /\n`);
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
