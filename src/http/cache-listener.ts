import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessRules } from '../core/access.ts';
import { listenOptions } from '../core/listen-address.ts';
import { cannotListen } from '../core/listen-error.ts';
import { limitConnections } from '../core/most-connections.ts';
import type { Role } from '../core/observer.ts';
import { answerCacheRequest, type CacheParts, unwantedBodyMs } from './cache-requests.ts';
import { exchangeOf } from './exchange.ts';

/** Where a listener of the HTTP cache protocol listens and what may be done there. */
export interface CacheListenerOptions {
  readonly role: Role;
  /** `host:port`, `[ipv6]:port` or `unix:/absolute/path`. */
  readonly address: string;
  /** Set when only our own proxy reaches it, so that what it says of the client is true. */
  readonly identified: boolean;
  readonly access: AccessRules;
  readonly pushHint: string;
  /** How long the headers of a request may take: longer, and somebody wants to hold the connection, not to ask anything. */
  readonly headersMs: number;
  /** A connection on which nothing moves for so long is ended. */
  readonly idleMs: number;
}

/** An open listener of the HTTP cache protocol. */
export interface CacheListener {
  readonly role: Role;
  /** The port it got, when `address` asked for port 0; meaningless on a socket. */
  readonly port: number;
  /** Takes no new requests; resolves when those under way have ended. */
  drain(): Promise<void>;
  /** Ends what is still under way. */
  cut(): void;
}

const mostHeaderBytes = 16 * 1024;
const mostConnections = 4096;
const mostBetweenLooksMs = 5000;
/** A proxy keeps connections to us for ten minutes: it should be the one that ends them. */
const proxyKeepAliveMs = 660_000;
const keepAliveMs = 60_000;

/** Gives the address to bind, and sees to it that it is `address` in the end. */
type InPlace = (address: string, listen: (address: string) => Promise<void>) => Promise<void>;

/** Opens a listener. Rejects with the reason when the address cannot be had. */
export async function openCacheListener(
  options: CacheListenerOptions,
  inPlace: InPlace,
  parts: CacheParts,
): Promise<CacheListener> {
  let draining = false;
  const server = cacheServer(options, (request, response, expectsContinue) => {
    // Nobody knows whether a client that is not asked for its body will send it: what comes next is no request.
    if (draining || expectsContinue) response.setHeader('connection', 'close');
    response.once('finish', () => limitRest(request));
    // While draining, a connection is of no use once it is idle.
    response.once('close', () => draining && server.closeIdleConnections());
    void answerCacheRequest(exchangeOf(request, response, options, expectsContinue), options.pushHint, parts);
  });
  await inPlace(options.address, async (address) => await listening(server, options, address));
  return {
    role: options.role,
    port: (server.address() as AddressInfo | null)?.port ?? 0,
    drain() {
      draining = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
    cut: () => server.closeAllConnections(),
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => void;

function cacheServer({ identified, headersMs, idleMs }: CacheListenerOptions, answer: Answer): Server {
  const server = createServer(
    {
      maxHeaderSize: mostHeaderBytes,
      headersTimeout: headersMs,
      // How often Node looks for those.
      connectionsCheckingInterval: Math.min(headersMs, mostBetweenLooksMs),
      // A large body may take hours; that it moves is what matters.
      requestTimeout: 0,
      keepAliveTimeout: identified ? proxyKeepAliveMs : keepAliveMs,
    },
    (request, response) => answer(request, response, false),
  );
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, true),
  );
  server.timeout = idleMs;
  limitConnections(server, mostConnections);
  return server;
}

/** The answer is out, the body is not in: it is thrown away as it comes, but not for ever. */
function limitRest(request: IncomingMessage): void {
  if (request.complete) return;
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), unwantedBodyMs);
  timer.unref();
  const stop = () => clearTimeout(timer);
  request.once('end', stop);
  socket.once('close', stop);
}

async function listening(
  server: Server,
  { role, address: wanted }: CacheListenerOptions,
  address: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(`${role} over HTTP`, wanted, cause)));
    server.listen({ ...listenOptions(address), backlog: mostConnections }, resolve);
  });
}
