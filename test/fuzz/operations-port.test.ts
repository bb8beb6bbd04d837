import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { closeOf } from '../support/fuzz-frames.ts';
import { anyName } from '../support/fuzz-names.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';

/** 200 and 503: what is there; 404 and 405: what is not; the others: what is no HTTP. */
const documented = new Set([200, 404, 405, 503, 400, 408, 413, 417, 431, 501]);
const known = ['/', '/livez', '/readyz', '/metrics'];

const methods = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('GET', 'HEAD') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND', 'CONNECT'),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 10 }) },
);
const paths = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...known,
      '/livez?x=1',
      '/metrics?name[]=a',
      '//livez',
      '/livez/',
      '/LIVEZ',
      '/status',
    ),
  },
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

describe('The operations port', () => {
  let site: FuzzSite;

  before(async () => {
    site = await startFuzzSite();
  });

  after(async () => await site.stop());

  /** Everything that came back for these bytes, until nothing more comes. */
  async function exchange(sent: string | Uint8Array): Promise<string> {
    const { hostname, port } = new URL(site.weir.opsUrl);
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk) => (received += String(chunk)));
    const closed = closeOf(socket, 300);
    socket.end(sent);
    await closed;
    return received;
  }

  test('gives only its documented answers, to any request', async () => {
    await fc.assert(
      fc.asyncProperty(methods, paths, headers, async (method, path, lines) => {
        const head = [`${method} ${path} HTTP/1.1`, ...lines, 'Host: weir', 'Connection: close'].join('\r\n');
        const answers = await exchange(`${head}\r\n\r\n`);
        const answer = answers.replace('HTTP/1.1 100 Continue\r\n\r\n', '');
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
        // A CONNECT and what is no HTTP at all may be hung up on.
        if (status === undefined) return assert.equal(answer, '');
        assert.ok(documented.has(Number(status)), answer.slice(0, 200));
        const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
        if (status !== '200') site.assertTellsNoPath(body);
        if (status === '200') assert.ok(known.includes(path.replace(/\?.*/, '')), path);
        if (status === '200') assert.match(method, /^(GET|HEAD)$/);
      }),
      tries(500),
    );
    await site.assertUnharmed();
  });

  test('stays alive through bytes that are no request, and half requests', async () => {
    const halves = fc
      .nat({ max: 60 })
      .map((length) => 'GET /metrics HTTP/1.1\r\nHost: weir\r\nX: y\r\n\r\n'.slice(0, length));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), halves), async (sent) => {
        site.assertTellsNoPath(await exchange(sent));
        assert.equal((await fetch(`${site.weir.opsUrl}/livez`)).status, 200);
      }),
      tries(150),
    );
    await site.assertUnharmed();
  });
});
