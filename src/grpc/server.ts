import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Status } from 'nice-grpc-common';
import type { Cut } from '../core/observer.ts';
import type { CallBounds } from './call-bounds.ts';
import { type CallStatus, closeAfterAnswer, sendOnlyStatus } from './call-status.ts';
import { boundConnections } from './connection-bounds.ts';
import { limitLife } from './connection-life.ts';
import { maxStreamsPerConnection } from './limits.ts';
import { type CallHooks, ServerCall } from './server-call.ts';
import type { Method } from './service.ts';
import type { ReloadableTls } from './tls.ts';

/** Any of the two that Node has. */
export type AnyHttp2Server = Http2Server | Http2SecureServer;

/** What a server of gRPC calls is made of. */
export interface GrpcServerOptions<Context> {
  readonly methods: readonly Method<Context>[];
  readonly hooks: CallHooks<Context>;
  readonly bounds: CallBounds;
  /** Whose a call is, where bounds are for each. */
  ownerOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): string;
  /** Set to terminate TLS here. */
  readonly tls: ReloadableTls | undefined;
  /** How long a connection may take to begin with HTTP/2. Milliseconds. */
  readonly handshakeMs: number;
  /** How long a connection without calls stays. Milliseconds. */
  readonly idleMs: number;
  /** Whether clients are asked now and then if they are still there. */
  readonly pings: boolean;
  readonly onCut: (cut: Cut) => void;
}

/** Answers gRPC calls over HTTP/2. */
export interface GrpcServer {
  /** Resolves with the port; 0 on a socket. `unix:/path` or `host:port`. Rejects when the address cannot be had. */
  listen(address: string): Promise<number>;
  /** Takes no new calls; resolves when those under way have ended. */
  drain(): Promise<void>;
  /** Ends what is still under way. */
  cut(): void;
}

export function grpcServer<Context>(options: GrpcServerOptions<Context>): GrpcServer {
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const draining = new AbortController();
  const server = http2Server(options.tls);
  boundConnections(server, options);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    limitLife(session, options);
  });
  // What goes wrong with one connection, or before it is one, is its client's concern.
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    answer(stream, headers);
  });

  function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (headers['content-type']?.startsWith('application/grpc') !== true)
      return stream.respond({ ':status': 415 }, { endStream: true });
    const owner = options.ownerOf(stream, headers);
    const refusal = options.bounds.admit(stream, headers, owner);
    if (refusal !== undefined) return refuse(stream, refusal);
    const path = headers[':path'] ?? '';
    const method = methods.get(path);
    if (method === undefined)
      return refuse(stream, {
        code: Status.UNIMPLEMENTED,
        message: `this server does not have the method ${path.slice(0, 200)}`,
      });
    const encoding = headers['grpc-encoding'];
    if (encoding !== undefined && encoding !== 'identity')
      return refuse(stream, {
        code: Status.UNIMPLEMENTED,
        message: 'compressed messages are not taken here; send them without grpc-encoding',
        trailers: { 'grpc-accept-encoding': 'identity' },
      });
    const call = new ServerCall(stream, headers, method, owner, options.bounds.memory, draining.signal);
    options.bounds.watch(call);
    void call.serve(method, options.hooks);
  }

  return {
    async listen(address) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(listenOptions(address), () => {
          server.off('error', reject);
          resolve();
        });
      });
      return (server.address() as AddressInfo | null)?.port ?? 0;
    },
    async drain() {
      draining.abort();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const session of sessions) session.close();
      await closed;
    },
    cut() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function http2Server(tls: ReloadableTls | undefined): AnyHttp2Server {
  const options = {
    settings: { maxConcurrentStreams: maxStreamsPerConnection },
    // Memory is bounded by our own budgets, and a connection that shares its fate among calls is not refused any of them.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
    maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
  };
  if (tls === undefined) return createServer(options);
  const server = createSecureServer({ ...options, ...tls.serverOptions() });
  tls.onReload(() => server.setSecureContext(tls.serverOptions()));
  return server;
}

function refuse(stream: ServerHttp2Stream, status: CallStatus): void {
  sendOnlyStatus(stream, status);
  closeAfterAnswer(stream);
}

function listenOptions(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
