import { join } from 'node:path';
import { GetCapabilitiesRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { h2load } from '../load/h2load.ts';
import { withClients } from '../servers/server.ts';
import type { Work } from './work.ts';

/** The smallest call that there is, which nothing on the volume is needed for. */
export const unary: Work = {
  name: 'unary',
  title: 'GetCapabilities, 64 at once',
  unit: { name: 'call', perOperation: 1 },
  goals: { reference: 3, fastest: 0.7 },
  async prepare(server, folder) {
    const load = await h2load(server.address, join(folder, 'request'), {
      path: '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities',
      request: GetCapabilitiesRequest.encode({ instanceName: '' }).finish(),
      replyBytes: 10,
      connections: 8,
      callsPerConnection: 8,
    });
    return { load, check: () => withClients(server, checkCapabilities) };
  },
};

async function checkCapabilities(clients: Parameters<Parameters<typeof withClients>[1]>[0]): Promise<void> {
  const { cacheCapabilities } = await clients.capabilities.getCapabilities({ instanceName: '' });
  if (cacheCapabilities?.digestFunctions.includes(1) !== true)
    throw new Error('SHA256 is not among the capabilities');
}
