import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { startWeir } from '../support/weir.ts';
import { clientsAt, failure } from '../support/wire.ts';

for (const offered of [true, false]) {
  test(`server reflection ${offered ? 'names the services when it is on' : 'is off unless asked for'}`, async (t) => {
    const weir = await startWeir(offered ? { env: { REFLECTION: 'true' } } : {});
    const clients = clientsAt(weir.pullAddress);
    t.after(async () => {
      clients.close();
      await weir.stop();
    });
    const reflection = createClient(ServerReflectionService, clients.channel);
    const ask = async () => {
      const names: string[] = [];
      for await (const answer of reflection.serverReflectionInfo(listServices())) {
        names.push(
          ...(answer.getListServicesResponse()?.getServiceList() ?? []).map((service) => service.getName()),
        );
      }
      return names;
    };
    if (!offered) assert.equal((await failure(ask())).status, 'UNIMPLEMENTED');
    else assert.ok((await ask()).includes('google.bytestream.ByteStream'));
  });
}

async function* listServices() {
  yield await Promise.resolve(new reflectionMessages.ServerReflectionRequest().setListServices('*'));
}
