import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ask, gradleKey } from '../support/http-cache.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, served } from '../support/served.ts';
import { startWeir } from '../support/weir.ts';

const mebibyte = 1024 * 1024;

void describe('values over HTTP', () => {
  let site: Served;
  served((it) => (site = it), { tcp: true, http: true });

  const pull = (path: string) => site.weir.pullUrl + path;
  const push = (path: string) => site.weir.pushUrl + path;

  test('a value of any bytes comes back under its key', async () => {
    const sha256 = createHash('sha256').update(randomBytes(8)).digest('hex');
    for (const key of [gradleKey(), sha256, 'a.b-c_D', 'x'.repeat(200)]) {
      for (const value of [randomBytes(10), randomBytes(mebibyte), Buffer.alloc(0)]) {
        assert.equal((await ask('PUT', push(`/ac/${key}`), { body: value })).status, 200);
        const { status, headers, body } = await ask('GET', pull(`/ac/${key}`));
        assert.deepEqual([status, headers['content-length']], [200, String(value.length)]);
        assert.deepEqual(body, value);
        const head = await ask('HEAD', pull(`/ac/${key}`));
        assert.deepEqual([head.status, head.headers['content-length']], [200, String(value.length)]);
      }
    }
  });

  test('a value without a length is taken in chunks, and parts of it are given', async () => {
    const path = `/ac/${gradleKey()}`;
    const value = randomBytes(300_000);
    const headers = { 'transfer-encoding': 'chunked' };
    assert.equal((await ask('PUT', push(path), { body: value, headers })).status, 200);
    const { status, body } = await ask('GET', pull(path), { headers: { range: 'bytes=10-19' } });
    assert.equal(status, 206);
    assert.deepEqual(body, value.subarray(10, 20));
  });

  test('each instance has values of its own', async () => {
    const key = gradleKey();
    await ask('PUT', push(`/one/team/ac/${key}`), { body: Buffer.from('one') });
    await ask('PUT', push(`/ac/${key}`), { body: Buffer.from('none') });
    assert.equal((await ask('GET', pull(`/one/team/ac/${key}`))).body.toString(), 'one');
    assert.equal((await ask('GET', pull(`/ac/${key}`))).body.toString(), 'none');
    assert.equal((await ask('GET', pull(`/one/ac/${key}`))).status, 404);
  });

  test('a key that nothing is kept under is 404 with a sentence, and counts as a miss', async () => {
    const missed = await scraped(site.weir.opsUrl, 'weir_lookups_total{kind="action",result="miss"}');
    const { status, body } = await ask('GET', pull(`/ac/${gradleKey()}`));
    assert.equal(status, 404);
    assert.match(body.toString(), /nothing is kept under/);
    const now = await scraped(site.weir.opsUrl, 'weir_lookups_total{kind="action",result="miss"}');
    assert.equal(now, missed + 1);
  });

  test('a key that cannot be one is 400', async () => {
    for (const key of ['a%2Fb', 'a%20b', 'x'.repeat(201), '%00', '%E4', 'ä'])
      assert.equal((await ask('PUT', push(`/ac/${encodeURI(key)}`), { body: randomBytes(1) })).status, 400);
  });

  test('a value whose blob has gone is 404, and a new PUT heals it', async () => {
    const path = `/ac/${gradleKey()}`;
    const value = randomBytes(2000);
    await ask('PUT', push(path), { body: value });
    const hash = createHash('sha256').update(value).digest('hex');
    await rm(join(site.weir.volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2)));
    assert.equal((await ask('GET', pull(path))).status, 404);
    assert.equal((await ask('HEAD', pull(path))).status, 404);
    await ask('PUT', push(path), { body: value });
    assert.deepEqual((await ask('GET', pull(path))).body, value);
  });

  test('a value with a content encoding is 415: only the client knows what its bytes are', async () => {
    const headers = { 'content-encoding': 'zstd' };
    const { status } = await ask('PUT', push(`/ac/${gradleKey()}`), { body: randomBytes(9), headers });
    assert.equal(status, 415);
  });
});

test('values survive a kill of the server', async (t) => {
  const first = await startWeir({ tcp: true, http: true });
  const path = `/ac/${gradleKey()}`;
  assert.equal((await ask('PUT', `${first.pushUrl}${path}`, { body: Buffer.from('kept') })).status, 200);
  await first.kill();
  const second = await startWeir({ tcp: true, http: true, volume: first.volume });
  t.after(async () => {
    await second.stop();
    await first.stop();
  });
  assert.equal((await ask('GET', `${second.pullUrl}${path}`)).body.toString(), 'kept');
});
