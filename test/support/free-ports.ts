import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports of 127.0.0.1 that nothing listens on, for programs that cannot be told to take any. Another process may
 * be faster: callers try again with others when theirs turn out to be taken.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(async (server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  });
  try {
    return await Promise.all(ports);
  } finally {
    for (const server of servers) server.close();
  }
}
