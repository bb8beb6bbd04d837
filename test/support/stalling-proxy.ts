import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Something between a client and a server that fails as networks do. */
export interface StallingProxy {
  /** `host:port`. */
  readonly address: string;
  /** Resolves when so many bytes have gone to the server that nothing more is let through. */
  readonly stalled: Promise<void>;
  /** Resolves when the client has gone, and the server has read all that came and closed its end as well. */
  readonly parted: Promise<void>;
  /** Connections that were closed at once. */
  refused(): number;
}

/** Where it fails. */
export interface ProxyFaults {
  /** Lets so many bytes of the client through, and then none. */
  readonly stallAfter?: number;
  /** Closes so many connections before it lets one through. */
  readonly refuseFirst?: number;
}

export async function stallingProxy(
  t: TestContext,
  server: string,
  { stallAfter = Number.POSITIVE_INFINITY, refuseFirst = 0 }: ProxyFaults,
): Promise<StallingProxy> {
  const [host = '', port = ''] = server.split(':');
  const { promise: stalled, resolve: onStalled } = Promise.withResolvers<void>();
  const { promise: parted, resolve: onParted } = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  let passed = 0;
  let refused = 0;
  const listener = createServer((client) => {
    if (refused < refuseFirst) {
      refused++;
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.once('close', () => {
      upstream.end();
      // Its end is only seen by who reads up to there.
      upstream.resume();
    });
    upstream.once('close', () => {
      client.destroy();
      onParted();
    });
    upstream.pipe(client);
    client.on('data', (bytes) => {
      const left = stallAfter - passed;
      if (left <= 0) return;
      passed += bytes.length;
      upstream.write(bytes.subarray(0, left));
      // Without reading on, the end of the client would not be seen.
      if (bytes.length >= left) onStalled();
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    stalled,
    parted,
    refused: () => refused,
  };
}
