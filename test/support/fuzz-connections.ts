import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import type { OutgoingHttpHeaders } from 'node:http2';
import { ReadRequest, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { framed } from './fuzz-frames.ts';
import { allMethods } from './fuzz-raw.ts';
import { type Blob, downloadName, uploadName } from './wire.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

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

/** What a listener may be sent on a new connection: HTTP/2 frames that lie, other protocols, anything. */
export const connectionBytes: fc.Arbitrary<Buffer> = fc.oneof(
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

/** A call as nobody's library would make it. */
interface LyingCall {
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Calls about this blob whose messages are not as long as they say, or packed, or cut, and whose headers lack something. */
export function lyingCalls(blob: Blob): fc.Arbitrary<LyingCall> {
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
    'grpc-encoding': fc.constantFrom(undefined, undefined, undefined, undefined, 'identity', 'gzip', 'br'),
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

  return fc
    .record({ path: paths, headers, bodies: fc.array(body, { maxLength: 3 }) })
    .map(({ path, headers, bodies }) => {
      const sent = bodies.map(({ message, lie, flags, cut }) => {
        const whole = framed(message, Math.max(0, message.length + lie) % 2 ** 32, flags);
        return whole.subarray(0, whole.length - Math.min(cut, whole.length));
      });
      return { path, headers, body: Buffer.concat(sent) };
    });
}
