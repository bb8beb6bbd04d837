import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, DEFAULT_CIPHERS } from 'node:tls';
import { Status } from './status.ts';
import { listenOptions } from '../core/listen-address.ts';
import type { Cut } from '../core/observer.ts';
import { Connection } from '../http2/connection.ts';
import { endOfTurn } from '../http2/end-of-turn.ts';
import { headerBlock } from '../http2/header-encoder.ts';
import { maxHeaderListSize } from '../http2/limits.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { CallBounds } from './call-bounds.ts';
import { type CallStatus, sendOnlyStatus } from './call-status.ts';
import { boundConnections } from './connection-bounds.ts';
import { mostConnections } from './limits.ts';
import { limitLife } from './connection-life.ts';
import { type CallHooks, ServerCall } from './server-call.ts';
import type { Method } from './service.ts';
import type { ReloadableTls } from './tls.ts';

/** What a server of gRPC calls is made of. */
export interface GrpcServerOptions<Context> {
  readonly methods: readonly Method<Context>[];
  readonly hooks: CallHooks<Context>;
  readonly bounds: CallBounds;
  /** Whose a call is, where bounds are for each. */
  ownerOf(stream: ServerStream): string;
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
  const connections = new Set<Connection>();
  const sockets = new Set<Socket>();
  const draining = new AbortController();
  const { tls } = options;
  const server = tls === undefined ? createServer({ noDelay: true }) : tlsServer(tls);
  const hasBegun = boundConnections(server, options);
  server.on('connection', (socket: Socket) => {
    endOfTurn.connectionCame();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    if (!socket.destroyed) serve(socket);
  });
  // What goes wrong with one connection before it is one is its client's concern.
  server.on('tlsClientError', () => {});

  function serve(socket: Socket): void {
    const connection = new Connection(socket, {
      ready: () => hasBegun(socket),
      stream: answer,
      streamOfTooManyHeaders: (stream) =>
        refuse(stream, {
          code: Status.RESOURCE_EXHAUSTED,
          message: `the headers have more than ${maxHeaderListSize} bytes`,
        }),
      streamClosed: () => callEnded(),
    });
    const callEnded = limitLife(connection, options);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
    if (draining.signal.aborted) connection.close();
  }

  function answer(stream: ServerStream): void {
    const { headers } = stream;
    if (headers['content-type']?.startsWith('application/grpc') !== true) {
      stream.respond(headerBlock({ ':status': 415 }), true);
      return stream.closeAfterAnswer();
    }
    const owner = options.ownerOf(stream);
    const refusal = options.bounds.admit(stream, owner);
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
    const call = new ServerCall(stream, method, owner, options.bounds.memory, draining.signal);
    options.bounds.watch(call);
    void call.serve(method, options.hooks);
  }

  return {
    async listen(address) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ ...listenOptions(address), backlog: mostConnections }, () => {
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
      for (const connection of connections) connection.close();
      await closed;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The default ones, with the cheapest of the strong ones first: with a key of 256 bits, encrypting costs a tenth more. */
const ciphers = `TLS_AES_128_GCM_SHA256:${DEFAULT_CIPHERS}`;

function tlsServer(tls: ReloadableTls): Server {
  const options = { noDelay: true, ALPNProtocols: ['h2'], ciphers, honorCipherOrder: true };
  const server = createTlsServer({ ...options, ...tls.serverOptions() });
  tls.onReload(() => server.setSecureContext(tls.serverOptions()));
  return server;
}

function refuse(stream: ServerStream, status: CallStatus): void {
  sendOnlyStatus(stream, status);
  stream.closeAfterAnswer();
}
