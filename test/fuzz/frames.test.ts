import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { connectionBytes, lyingCalls } from '../support/fuzz-connections.ts';
import { closeOf, framed, openStream, request, sessionTo, socketTo } from '../support/fuzz-frames.ts';
import { allMethods } from '../support/fuzz-raw.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { randomBlob, uploadName } from '../support/wire.ts';

const unknown = 2;
/** gRPC answers in its own status; what is no gRPC has one of HTTP. */
const answered = new Set([200, 400, 405, 415]);

for (const tcp of [false, true]) {
  describe(`A listener on a ${tcp ? 'port' : 'socket file'}`, () => {
    let site: FuzzSite;

    before(async () => {
      site = await startFuzzSite({ tcp });
    });

    after(async () => await site.stop());

    test('outlives whatever bytes it is sent', async () => {
      const addresses = fc.constantFrom(site.weir.pullAddress, site.weir.pushAddress);
      await fc.assert(
        fc.asyncProperty(addresses, connectionBytes, fc.boolean(), async (address, sent, politely) => {
          const socket = socketTo(address);
          const closed = closeOf(socket, 50);
          socket.resume();
          socket.write(sent);
          if (politely) socket.end();
          await closed;
        }),
        tries(800),
      );
      await site.assertUnharmed();
    });

    test('ends every request, however its messages lie and its headers lack', async () => {
      const session = await sessionTo(site.weir.pushAddress);
      await fc.assert(
        fc.asyncProperty(lyingCalls(site.blob), async ({ path, headers, body }) => {
          const end = await request(session, path, body, headers);
          assert.notEqual(end.status, unknown, end.message);
          assert.ok(
            answered.has(end.http) || end.message.startsWith('reset'),
            `HTTP ${end.http} ${end.message}`,
          );
          site.assertTellsNoPath(end.message.replace(path, ''));
        }),
        tries(1500),
      );
      session.destroy();
      await site.assertUnharmed();
    });

    test('keeps nothing of calls that were begun and dropped with their connection', async () => {
      for (let round = 0; round < 5; round++) {
        const session = await sessionTo(site.weir.pushAddress);
        for (const method of allMethods) {
          const stream = openStream(session, method);
          stream.write(framed(Buffer.from([0x0a]), 100));
        }
        for (let count = 0; count < 20; count++) {
          const blob = randomBlob(300_000);
          const message = {
            resourceName: uploadName(blob),
            writeOffset: 0n,
            finishWrite: false,
            data: blob.data.subarray(0, 1000),
          };
          openStream(session, '/google.bytestream.ByteStream/Write').write(
            framed(WriteRequest.encode(message).finish()),
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 30));
        session.destroy();
      }
      await site.assertUnharmed();
    });

    test('bears a flood of streams that are reset at once, and of pings', async () => {
      const session = await sessionTo(site.weir.pullAddress);
      for (let count = 0; count < 2000 && !session.destroyed; count++) {
        const stream = openStream(session, '/google.bytestream.ByteStream/Read');
        stream.close();
        if (count % 100 === 0) {
          session.ping(() => {});
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      session.destroy();
      await site.assertUnharmed();
    });
  });
}
