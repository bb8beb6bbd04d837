import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Http2SecureServer, Http2Server } from 'node:http2';

/** What grpc-js listens with, one for each address. */
export type GrpcHttp2Server = Http2Server | Http2SecureServer;

/** On this channel Node tells of each server that begins to listen, before it does. */
const listenChannel = 'tracing:net.server.listen:asyncStart';
const opening = new AsyncLocalStorage<(server: GrpcHttp2Server) => void>();
let openingNow = 0;

subscribe(listenChannel, (message) => {
  const { server } = message as { server: GrpcHttp2Server };
  opening.getStore()?.(server);
});

/**
 * Runs what makes grpc-js listen, and hands each HTTP/2 server that it makes to `bind` before the first connection.
 * grpc-js keeps them to itself, and has no setting for most of what keeps connections from doing harm. Rejects when
 * there was none, or `bind` has thrown: a server without its bounds must not start.
 */
export async function withHttp2Servers<T>(
  listen: () => Promise<T>,
  bind: (server: GrpcHttp2Server) => void,
): Promise<T> {
  let bound = 0;
  let fault: unknown;
  openingNow++;
  const result = await opening
    .run((server) => {
      try {
        bind(server);
        bound++;
      } catch (error) {
        fault = error;
      }
    }, listen)
    // While it is there, each promise of each call costs an async hook: a quarter of the computing of a batch.
    .finally(() => --openingNow > 0 || opening.disable());
  if (bound === 0 || fault !== undefined)
    throw new Error('the HTTP/2 server of grpc-js is not as this version of Weir knows it', { cause: fault });
  return result;
}
