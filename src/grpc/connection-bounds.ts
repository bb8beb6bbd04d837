import type { Server, Socket } from 'node:net';
import { limitConnections } from '../core/most-connections.ts';
import type { Cut } from '../core/observer.ts';
import { clientOfAddress } from './client-address.ts';
import { mostConnections, mostConnectionsOfOne, mostUnfinishedConnections } from './limits.ts';

/** How long connections may take over what. */
export interface ConnectionBounds {
  /** From the first packet to the client's settings, TLS included. Milliseconds. */
  readonly handshakeMs: number;
  readonly onCut: (cut: Cut) => void;
}

/**
 * Bounds what connections may cost before they carry calls: there are not too many, and those end that never become HTTP/2. The function
 * is to be told when one has.
 */
export function boundConnections(server: Server, bounds: ConnectionBounds): (socket: Socket) => void {
  const unfinished = unfinishedConnections(bounds);
  const ofClients = connectionsOfClients();
  limitConnections(server, mostConnections);
  server.on('drop', () => bounds.onCut('connections'));
  server.prependListener('connection', (socket: Socket) => {
    if (ofClients.admit(socket)) return unfinished.begin(socket);
    bounds.onCut('connections');
    socket.destroy();
  });
  return (socket) => unfinished.finish(socket);
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
    finish: (socket: Socket) => finishes.get(keyOf(socket))?.(),
  };
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
