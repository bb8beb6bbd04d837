import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Cut } from '../core/observer.ts';
import type { GrpcHttp2Server } from './http2-servers.ts';
import { mostConnections, mostUnfinishedConnections } from './limits.ts';

/** How long connections may take over what. */
export interface ConnectionBounds {
  /** From the first packet to the client's settings, TLS included. Milliseconds. */
  readonly handshakeMs: number;
  onCut(cut: Cut): void;
}

/** For the other side to close a connection that was closed in order here. */
const closingMs = 10_000;

/**
 * Bounds what connections may cost before they carry calls, and after. grpc-js closes idle ones and those whose peer
 * is dead; this ends those that never become HTTP/2, and those that the other side does not close.
 */
export function boundConnections(server: GrpcHttp2Server, bounds: ConnectionBounds): void {
  const unfinished = unfinishedConnections(bounds);
  // Node makes the session while this event is handled, and tells of it then.
  let connected: Socket | undefined;
  const note = (socket: Socket) => {
    connected = socket;
  };
  server.maxConnections = mostConnections;
  server.on('drop', () => bounds.onCut('connections'));
  server.prependListener('connection', (socket: Socket) => {
    unfinished.begin(socket);
    note(socket);
  });
  server.prependListener('secureConnection', note);
  server.on('session', (session: ServerHttp2Session) => {
    const socket = connected;
    if (socket === undefined) return session.destroy();
    const finished = unfinished.of(socket);
    session.once('remoteSettings', finished);
    closeWithSession(session, socket);
  });
}

/** Those without the client's settings, the oldest first. */
function unfinishedConnections({ handshakeMs, onCut }: ConnectionBounds) {
  const finishes = new Map<Socket | string, () => void>();
  const cuts = new Set<() => void>();
  // TLS has a socket of its own over the one that was accepted; both have the same peer.
  const keyOf = (socket: Socket) =>
    socket.remotePort === undefined ? socket : `${socket.remoteAddress} ${socket.remotePort}`;

  return {
    begin(socket: Socket): void {
      const key = keyOf(socket);
      const cut = () => {
        finish();
        onCut('handshake');
        socket.destroy();
      };
      const timer = setTimeout(cut, handshakeMs);
      const finish = () => {
        clearTimeout(timer);
        cuts.delete(cut);
        if (finishes.get(key) === finish) finishes.delete(key);
      };
      timer.unref();
      const [oldest] = cuts;
      if (cuts.size >= mostUnfinishedConnections) oldest?.();
      cuts.add(cut);
      finishes.set(key, finish);
      socket.once('close', finish);
    },
    of: (socket: Socket) => finishes.get(keyOf(socket)) ?? (() => {}),
  };
}

/** Node waits for the other side to close too, for ever. */
function closeWithSession(session: ServerHttp2Session, socket: Socket): void {
  let closedForMs = 0;
  const every = closingMs / 2;
  const timer = setInterval(() => {
    if (!session.destroyed) return;
    closedForMs += every;
    if (closedForMs > closingMs) socket.destroy();
  }, every);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}
