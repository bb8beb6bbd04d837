import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Cut } from '../core/observer.ts';
import { clientOfAddress } from './client-address.ts';
import { mostConnections, mostConnectionsOfOne, mostUnfinishedConnections } from './limits.ts';

/** How long connections may take over what. */
export interface ConnectionBounds {
  /** From the first packet to the client's settings, TLS included. Milliseconds. */
  readonly handshakeMs: number;
  readonly onCut: (cut: Cut) => void;
}

/** For the other side to close a connection that was closed in order here. */
const closingMs = 10_000;

/**
 * Bounds what connections may cost before they carry calls, and after: ends those that never become HTTP/2, and those that
 * the other side does not close.
 */
export function boundConnections(server: Http2Server | Http2SecureServer, bounds: ConnectionBounds): void {
  const unfinished = unfinishedConnections(bounds);
  const ofClients = connectionsOfClients();
  // Node makes the session while this event is handled, and tells of it then.
  let connected: Socket | undefined;
  const note = (socket: Socket) => {
    connected = socket;
  };
  server.maxConnections = mostConnections;
  // Where another process has accepted it, it would otherwise be offered again and again.
  (server as { dropMaxConnection?: boolean }).dropMaxConnection = true;
  server.on('drop', () => bounds.onCut('connections'));
  server.prependListener('connection', (socket: Socket) => {
    note(socket);
    if (ofClients.admit(socket)) return unfinished.begin(socket);
    bounds.onCut('connections');
    socket.destroy();
  });
  server.prependListener('secureConnection', note);
  server.on('session', (session: ServerHttp2Session) => {
    const socket = connected;
    if (socket === undefined) return session.destroy();
    const finished = unfinished.of(socket);
    session.once('remoteSettings', finished);
    closeInTime(session, socket);
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
      let late: NodeJS.Immediate | undefined;
      // A process that was held up has not read yet what the client has sent meanwhile: that comes first.
      const timer = setTimeout(() => (late = setImmediate(cut)), handshakeMs);
      const finish = () => {
        clearTimeout(timer);
        clearImmediate(late);
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

/**
 * A connection closed in order ends when its calls have. Node then waits, for ever, for the rest of headers that
 * have begun, and for the other side to close too.
 */
function closeInTime(session: ServerHttp2Session, socket: Socket): void {
  let streams = 0;
  let closedForMs = 0;
  session.on('stream', (stream: ServerHttp2Stream) => {
    streams++;
    stream.once('close', () => streams--);
  });
  const everyMs = closingMs / 2;
  const timer = setInterval(() => {
    if (!session.closed && !session.destroyed) return;
    closedForMs = streams === 0 ? closedForMs + everyMs : 0;
    if (closedForMs > closingMs) socket.destroy();
  }, everyMs);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}

/** Connections by the client that they come from. Those from the proxy have no address, and are not counted. */
function connectionsOfClients() {
  const counts = new Map<string, number>();
  return {
    /** False when it is one more than there may be. */
    admit(socket: Socket): boolean {
      if (socket.remoteAddress === undefined) return true;
      const client = clientOfAddress(socket.remoteAddress);
      const count = (counts.get(client) ?? 0) + 1;
      if (count > mostConnectionsOfOne) return false;
      counts.set(client, count);
      socket.once('close', () => {
        const left = (counts.get(client) ?? 1) - 1;
        if (left === 0) counts.delete(client);
        else counts.set(client, left);
      });
      return true;
    },
  };
}
