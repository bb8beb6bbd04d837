import { join } from 'node:path';
import { GetCapabilitiesRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { h2load, type RepeatedCall } from '../load/h2load.ts';
import { type Server, withClients } from '../servers/server.ts';
import type { PreparedWork, Work } from './work.ts';

/** The smallest call that there is, which nothing on the volume is needed for: of a few clients, and of more and more. */
export const unaryWorks: readonly Work[] = [
  {
    name: 'unary',
    title: 'GetCapabilities, 64 at once',
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: 3, fastest: 0.7 },
    prepare: (server, folder) => prepared(server, folder, { connections: 8, callsPerConnection: 8 }),
  },
  ...[1, 10, 100, 1000].map((clients): Work => ({
    name: `clients-${clients}`,
    title: `GetCapabilities, ${clients.toLocaleString('en')} ${clients === 1 ? 'client' : 'clients'}`,
    unit: { name: 'call', perOperation: 1 },
    goals: {},
    series: { name: 'clients', size: clients },
    prepare: (server, folder) =>
      prepared(server, folder, { connections: clients, callsPerConnection: 1, timesEach: true }),
  })),
];

async function prepared(
  server: Server,
  folder: string,
  clients: Pick<RepeatedCall, 'connections' | 'callsPerConnection' | 'timesEach'>,
): Promise<PreparedWork> {
  const load = await h2load(server.url, join(folder, 'request'), {
    path: '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities',
    request: GetCapabilitiesRequest.encode({ instanceName: '' }).finish(),
    replyBytes: 10,
    ...clients,
  });
  return { load, check: () => withClients(server, checkCapabilities) };
}

async function checkCapabilities(clients: Parameters<Parameters<typeof withClients>[1]>[0]): Promise<void> {
  const { cacheCapabilities } = await clients.capabilities.getCapabilities({ instanceName: '' });
  if (cacheCapabilities?.digestFunctions.includes(1) !== true)
    throw new Error('SHA256 is not among the capabilities');
}
