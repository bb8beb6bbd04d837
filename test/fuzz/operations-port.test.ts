import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { exchanged, opsPaths, opsRequests, requestBytes, statusIn } from '../support/fuzz-http.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';

/**
 * 200 and 503: what is there; 403, 404 and 405: what is not, or not shown; 413 and 415: files that are not shown as text; the
 * others: what is no HTTP.
 */
const documented = new Set([200, 403, 404, 405, 503, 400, 408, 413, 415, 417, 431, 501]);

describe('The operations port', () => {
  let site: FuzzSite;

  before(async () => {
    site = await startFuzzSite();
  });

  after(async () => await site.stop());

  const exchange = async (sent: string | Uint8Array) => await exchanged(site.weir.opsUrl, sent);

  test('gives only its documented answers, to any request', async () => {
    await fc.assert(
      fc.asyncProperty(opsRequests, async (request) => {
        const { method, path } = request;
        const answers = await exchange(requestBytes(request));
        const status = statusIn(answers);
        // A CONNECT and what is no HTTP at all may be hung up on.
        if (status === undefined) return assert.match(answers, /^(HTTP\/1\.1 100 Continue\r\n\r\n)?$/);
        assert.ok(documented.has(status), answers.slice(0, 200));
        if (status !== 200) return site.assertTellsNoPath(answers.slice(answers.lastIndexOf('\r\n\r\n') + 4));
        assert.ok(opsPaths.includes(path.replace(/\?.*/, '')), path);
        assert.match(method, /^(GET|HEAD)$/);
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
