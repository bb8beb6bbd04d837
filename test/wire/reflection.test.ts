import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, Status } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { framed, request, sessionTo } from '../support/fuzz-frames.ts';
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

// Its decoder would read the string for a minute, and nothing else would go on in the process. Refusing it takes no time.
for (const [what, bytes] of Object.entries({
  'a string': [0x22, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x61],
  'a string in a message': [0x2a, 0x07, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x61],
})) {
  test(
    `server reflection refuses ${what} that goes on behind the end of its request`,
    { timeout: 30_000 },
    async (t) => {
      const weir = await startWeir({ env: { REFLECTION: 'true' } });
      const session = await sessionTo(weir.pullAddress);
      t.after(async () => {
        session.destroy();
        await weir.stop();
      });
      const { path } = ServerReflectionService.serverReflectionInfo;
      const { status, message } = await request(session, path, framed(Buffer.from(bytes)));
      assert.deepEqual([status, /damaged/.test(message)], [Status.INVALID_ARGUMENT, true], message);
    },
  );
}

async function* listServices() {
  yield await Promise.resolve(new reflectionMessages.ServerReflectionRequest().setListServices('*'));
}
