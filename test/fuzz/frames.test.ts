import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { ReadRequest, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { closeOf, framed, openStream, request, sessionTo, socketTo } from '../support/fuzz-frames.ts';
import { allMethods } from '../support/fuzz-raw.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { downloadName, randomBlob, uploadName } from '../support/wire.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const unknown = 2;
/** gRPC answers in its own status; what is no gRPC has one of HTTP. */
const answered = new Set([200, 400, 405, 415]);

/** An HTTP/2 frame whose header may lie about its payload. */
const frame = fc
  .record({
    type: fc.nat({ max: 16 }),
    flags: fc.nat({ max: 255 }),
    stream: fc.oneof(fc.constantFrom(0, 1, 3, 2, 2 ** 31 - 1), fc.nat()),
    payload: fc.uint8Array({ maxLength: 80 }),
    lie: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constantFrom(1, -1, 70_000) },
    ),
  })
  .map(({ type, flags, stream, payload, lie }) => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(Math.max(0, payload.length + lie), 0, 3);
    header.writeUInt8(type, 3);
    header.writeUInt8(flags, 4);
    header.writeUInt32BE(stream, 5);
    return Buffer.concat([header, payload]);
  });

const httpRequest = fc.constantFrom(
  'GET / HTTP/1.1\r\nHost: weir\r\n\r\n',
  'POST /google.bytestream.ByteStream/Read HTTP/1.1\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0',
  'GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  'CONNECT other:443 HTTP/1.1\r\n\r\n',
  'GET /livez HTTP/0.9\r\n',
  `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
);

const bytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((raw) => Buffer.from(raw)) },
  { weight: 2, arbitrary: httpRequest.map((text) => Buffer.from(text, 'latin1')) },
  { weight: 1, arbitrary: fc.nat({ max: preface.length }).map((length) => preface.subarray(0, length)) },
  {
    weight: 8,
    arbitrary: fc
      .array(frame, { minLength: 1, maxLength: 6 })
      .map((frames) => Buffer.concat([preface, emptySettings, ...frames])),
  },
);

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
        fc.asyncProperty(addresses, bytes, fc.boolean(), async (address, sent, politely) => {
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
      const { blob } = site;
      const messages = [
        ReadRequest.encode({ resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n }).finish(),
        WriteRequest.encode({
          resourceName: uploadName(blob),
          writeOffset: 0n,
          finishWrite: true,
          data: blob.data,
        }).finish(),
        new Uint8Array(),
      ];
      const packed = messages.map((message) => gzipSync(message));
      const body = fc.record({
        message: fc.constantFrom(...messages, ...packed),
        lie: fc.constantFrom(0, 0, 0, 1, -1, 1000, 9 * 1024 * 1024, 2 ** 32 - 1),
        flags: fc.constantFrom(0, 0, 0, 1, 2, 255),
        cut: fc.constantFrom(0, 0, 0, 1, 3, 6),
      });
      const headers = fc.record({
        'content-type': fc.constantFrom(
          'application/grpc',
          'application/grpc',
          'application/grpc',
          'application/grpc+proto',
          'application/grpc+proto',
          'application/grpc-web',
          'text/html',
          '',
          undefined,
        ),
        te: fc.constantFrom('trailers', 'trailers', undefined),
        'grpc-encoding': fc.constantFrom(
          undefined,
          undefined,
          undefined,
          undefined,
          'identity',
          'gzip',
          'br',
        ),
        'grpc-timeout': fc.constantFrom(undefined, undefined, '10S', '0n', '99999999H', 'x'),
        ':method': fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'OPTIONS'),
      });
      const paths = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.constantFrom(...allMethods.filter((method) => !method.endsWith('/Watch'))),
        },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            '/',
            '//',
            '/x',
            '/google.bytestream.ByteStream/',
            '/a/b/c',
            '*',
            '/%2e%2e/x',
          ),
        },
      );
      const session = await sessionTo(site.weir.pushAddress);
      await fc.assert(
        fc.asyncProperty(paths, headers, fc.array(body, { maxLength: 3 }), async (path, given, bodies) => {
          const sent = bodies.map(({ message, lie, flags, cut }) => {
            const whole = framed(message, Math.max(0, message.length + lie) % 2 ** 32, flags);
            return whole.subarray(0, whole.length - Math.min(cut, whole.length));
          });
          const end = await request(session, path, Buffer.concat(sent), given);
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
