import { connect } from 'node:net';
import * as fc from 'fast-check';
import { closeOf } from './fuzz-frames.ts';
import { anyName, mutated } from './fuzz-names.ts';

/** A request as text, and the parts of it that matter for its answer. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly lines: readonly string[];
  readonly body: Uint8Array;
}

/** What the operations port has. */
export const opsPaths = [
  '/',
  '/livez',
  '/readyz',
  '/metrics',
  '/status',
  '/status/',
  '/status/history.json',
  '/status/references',
  '/status/tree',
  '/status/view',
  '/status/download',
];

const pageQuery = fc
  .tuple(
    fc.constantFrom(
      '/status/references',
      '/status/tree',
      '/status/view',
      '/status/download',
      '/status/assets/x',
    ),
    fc.array(
      fc.tuple(
        fc.constantFrom('ref', 'path', 'folder', 'instance', 'after', 'ref', 'x'),
        fc.oneof(
          anyName.map((name) => encodeURIComponent(name.toWellFormed()).slice(0, 3000)),
          fc.constantFrom(
            '..',
            '%2e%2e/%2e%2e',
            '%00',
            '%ff',
            'a/b/c',
            '[',
            '%',
            'urn:x',
            'blake3:00',
            '0'.repeat(64),
          ),
        ),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([path, query]) => `${path}?${query.map((pair) => pair.join('=')).join('&')}`);

const methods = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('GET', 'HEAD') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND', 'CONNECT'),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 10 }) },
);
const opsPath = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...opsPaths,
      '/livez?x=1',
      '/metrics?name[]=a',
      '//livez',
      '/livez/',
      '/LIVEZ',
    ),
  },
  { weight: 4, arbitrary: pageQuery },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '*',
      'http://elsewhere/metrics',
      '/../../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '',
    ),
  },
  { weight: 2, arbitrary: anyName.map((name) => `/${encodeURI(name.toWellFormed()).slice(0, 3000)}`) },
  { weight: 1, arbitrary: anyName.map((name) => name.slice(0, 200)) },
);
const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Host: weir',
      'Connection: close',
      'Expect: 100-continue',
      'Expect: x',
      'Upgrade: websocket',
    ),
    fc.constantFrom(
      'Transfer-Encoding: chunked',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 99999999',
    ),
    fc.constantFrom(
      'Connection: Upgrade',
      'Range: bytes=0-1',
      'Accept: text/html',
      'Accept-Encoding: gzip',
      ' folded: x',
      'no colon',
      ': x',
    ),
    fc.constant(`X-Long: ${'x'.repeat(20_000)}`),
    fc.string({ maxLength: 30 }),
  ),
  { maxLength: 5 },
);

/** Requests to the operations port. */
export const opsRequests: fc.Arbitrary<HttpRequest> = fc.record({
  method: methods,
  path: opsPath,
  lines: headers,
  body: fc.constant(new Uint8Array()),
});

const cacheHeaders = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'Content-Encoding: zstd',
        'Content-Encoding: gzip',
        'Content-Encoding: identity',
        'Accept-Encoding: zstd',
        'Accept-Encoding: gzip;q=0, *',
        'Expect: 100-continue',
        'Transfer-Encoding: chunked',
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('bytes=', 'bytes = ', 'chunks=', ''), fc.stringMatching(/^[0-9,-]{0,20}$/))
        .map(([unit, range]) => `Range: ${unit}${range}`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'If-Range: "x"',
        'If-None-Match: *',
        'Authorization: Bearer x',
        'X-Weir-Accel: /',
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
  ),
  { maxLength: 4 },
);

/** Requests of the HTTP cache protocol, for these hashes and for anything; with these bodies. */
export function cacheRequests(
  hashes: readonly string[],
  bodies: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<HttpRequest> {
  const key = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...hashes) },
    { weight: 2, arbitrary: mutated(hashes).map(encoded) },
    { weight: 1, arbitrary: anyName.map(encoded) },
    { weight: 1, arbitrary: fc.stringMatching(/^[0-9a-f]{32}$/) },
  );
  const before = fc.constantFrom('', '', '', '/main', '/main/a', '/..', '/%2e%2e', '/blobs', '//');
  const space = fc.constantFrom('/cas/', '/cas/', '/ac/', '/ac/', '/cas/blake3/', '/ac/sha1/', '/ac//', '/');
  return fc.record({
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('GET', 'HEAD', 'PUT', 'PUT') },
      { weight: 1, arbitrary: fc.constantFrom('POST', 'DELETE', 'PATCH', 'OPTIONS', 'G ET', '') },
    ),
    path: fc.tuple(before, space, key).map((parts) => parts.join('')),
    lines: cacheHeaders,
    body: bodies,
  });
}

function encoded(name: string): string {
  return encodeURI(name.toWellFormed()).slice(0, 3000);
}

/** The bytes of a request. The length of its body is told unless it says of itself how it is sent. */
export function requestBytes({ method, path, lines, body }: HttpRequest): Buffer {
  const sized = lines.some((line) => /^(transfer-encoding|content-length):/i.test(line));
  const length = body.length > 0 && !sized ? [`Content-Length: ${body.length}`] : [];
  const head = [`${method} ${path} HTTP/1.1`, ...lines, ...length, 'Host: weir', 'Connection: close', '', ''];
  return Buffer.concat([Buffer.from(head.join('\r\n')), body]);
}

/** Everything that comes back for these bytes, until nothing more comes; the sending side is closed behind them. */
export async function exchanged(url: string, sent: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk) => (received += String(chunk)));
  const closed = closeOf(socket, 300);
  socket.end(sent);
  await closed;
  return received;
}

/** The status of the answer, behind whatever asks to go on; undefined when there is none. */
export function statusIn(answers: string): number | undefined {
  const answer = answers.replace('HTTP/1.1 100 Continue\r\n\r\n', '');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  return status === undefined ? undefined : Number(status);
}
