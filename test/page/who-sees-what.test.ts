import assert from 'node:assert/strict';
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { rowsIn, textOf } from '../support/page-text.ts';
import { asBrowser, assertWithout, getFrom, pageFrom } from '../support/status-pages.ts';
import { startStatusSite, type StatusSite } from '../support/status-site.ts';
import { newToken } from '../support/tokens.ts';
import { blobFile, rot } from '../support/volume-damage.ts';

const token = newToken('ci-runner', 'push');

async function siteWith(t: TestContext, env: Record<string, string>): Promise<StatusSite> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-status-'));
  const list = join(folder, 'tokens');
  await writeFile(list, `${token.line}\n`);
  const site = await startStatusSite({ env: { TOKENS_FILE: list, ...env } }, token.headers);
  t.after(async () => {
    await site.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return site;
}

const browsing = ['/status/references', '/status/tree', '/status/view', '/status/download'];

void describe('what the status page shows, and to whom', () => {
  test('everything where anyone may pull: also who pushed what', async (t) => {
    const { weir, push } = await siteWith(t, { PULL_ACCESS: 'anyone' });
    await push('secret/element/key', { file: 'contents' });
    const row = rowsIn(await pageFrom(weir.opsUrl, '/status')).find(
      ([, what]) => what === 'secret/element/key',
    );
    assert.match(row?.[2] ?? '', /^ci-runner token$/);
  });

  test('figures alone where pulling needs a token: no names, no contents', async (t) => {
    const { weir, push } = await siteWith(t, { PULL_ACCESS: 'token' });
    await push('secret/element/key', { file: 'contents' });
    // What is added up in the background has names too, and is not there at the first look.
    const addedUp = async () => textOf(await pageFrom(weir.opsUrl, '/status')).includes('Added up');
    await eventually(addedUp);
    const html = await pageFrom(weir.opsUrl, '/status');
    assertWithout(html, /secret|ci-runner|\/status\/(?:references|tree)/);
    assert.match(textOf(html), /Pushes, last day 1 /);
    for (const path of browsing) {
      const refused = await pageFrom(weir.opsUrl, `${path}?ref=secret/element/key&path=file`, 403);
      assert.match(textOf(refused), /STATUS_PAGE=full/);
      assertWithout(refused, /contents<|<form/);
    }
    const history = await getFrom(weir.opsUrl, '/status/history.json');
    assert.equal(history.status, 200);
  });

  test('everything or nothing where somebody says so', async (t) => {
    const full = await siteWith(t, { PULL_ACCESS: 'token', STATUS_PAGE: 'full' });
    await pageFrom(full.weir.opsUrl, '/status/references');
    const off = await siteWith(t, { STATUS_PAGE: 'off' });
    for (const path of ['/status', ...browsing, '/status/history.json'])
      assert.equal((await getFrom(off.weir.opsUrl, path)).status, 404, path);
    assert.doesNotMatch((await getFrom(off.weir.opsUrl, '/')).body.toString(), /status/);
  });

  test('nothing under a public name that was not listed, whatever it leads to', async (t) => {
    const { weir } = await siteWith(t, { STATUS_HOSTS: 'cache.example.com, *.wide.example.org' });
    const statusFor = async (host: string, path = '/status') =>
      (await ask('GET', weir.opsUrl + path, { headers: { ...asBrowser, host } })).status;
    for (const host of [
      '127.0.0.1:11080',
      'localhost:11080',
      '[::1]:11080',
      'weir',
      'weir.cache.svc.cluster.local',
      'CACHE.example.com',
      'a.wide.example.org:8080',
    ])
      assert.equal(await statusFor(host), 200, host);
    for (const host of [
      'rebind.attacker.example',
      'cache.example.com.attacker.net',
      '1.2.3.4.nip.io',
      'a b.c',
    ])
      assert.equal(await statusFor(host), 403, host);
    // The rest of the port is for machines, and has nothing to read that names anything.
    assert.equal(await statusFor('rebind.attacker.example', '/livez'), 200);
    const root = await ask('GET', weir.opsUrl, {
      headers: { ...asBrowser, host: 'rebind.attacker.example' },
    });
    assert.equal(root.headers['content-type'], 'text/plain; charset=utf-8');
  });
});

void describe('files on the status page', () => {
  let site: StatusSite;

  before(async () => {
    site = await startStatusSite();
  });
  after(async () => await site.stop());

  const get = async (path: string) => await getFrom(site.weir.opsUrl, path);
  const page = async (path: string, status?: number) => await pageFrom(site.weir.opsUrl, path, status);

  test('are shown as plain text in a sandbox, and downloaded with their names', async () => {
    const [text, name] = ['<script>alert(1)</script>\n', `ä "quoted"; x=1\r\n.html`];
    await site.push('files/element/key', { [name]: text });
    const query = `?ref=files/element/key&path=${encodeURIComponent(name)}`;
    const [view, download] = [await get(`/status/view${query}`), await get(`/status/download${query}`)];
    for (const { headers, body } of [view, download]) {
      assert.equal(body.toString(), text);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.match(String(headers['content-security-policy']), /^default-src 'none';.* sandbox$/);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    }
    assert.equal(view.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(download.headers['content-type'], 'application/octet-stream');
    assert.equal(
      download.headers['content-disposition'],
      `attachment; filename="_ _quoted__ x_1__.html"; filename*=UTF-8''%C3%A4%20%22quoted%22%3B%20x%3D1%0D%0A.html`,
    );
  });

  test('of any size are downloaded whole', async () => {
    const large = Buffer.alloc(3_000_000, 'weir');
    await site.push('large/element/key', { large });
    const answer = await get('/status/download?ref=large/element/key&path=large');
    assert.ok(answer.body.equals(large));
  });

  test('that are missing are marked in their folder, and are an answer of 404', async () => {
    const blobs = await site.push('holes/element/key', { here: 'here', gone: 'gone', sub: { deep: 'deep' } });
    for (const path of ['gone', 'sub']) {
      const blob = blobs.get(path);
      assert.ok(blob !== undefined);
      await unlink(blobFile(site.weir.volume, blob));
    }
    const rows = rowsIn(await page('/status/tree?ref=holes/element/key'));
    assert.ok(rows.some(([name]) => name === 'gone missing'));
    assert.ok(rows.some(([name]) => name === 'sub missing'));
    assert.ok(rows.some(([name]) => name === 'here'));
    for (const action of ['view', 'download'])
      await page(`/status/${action}?ref=holes/element/key&path=gone`, 404);
    assert.match(textOf(await page('/status/tree?ref=holes/element/key&path=sub')), /This folder missing/);
  });

  test('that are damaged are never given out whole', async () => {
    const blobs = await site.push('rotten/element/key', { file: 'x'.repeat(300_000) });
    const blob = blobs.get('file');
    assert.ok(blob !== undefined);
    await rot['a bit flip']?.(blobFile(site.weir.volume, blob));
    await page('/status/view?ref=rotten/element/key&path=file', 404);
    const download = get('/status/download?ref=rotten/element/key&path=file');
    // It ends early, or nothing of it comes: the scrubber may have set it aside meanwhile.
    const outcome = await download.then(
      ({ status }) => status,
      () => 'cut off',
    );
    assert.ok(outcome === 'cut off' || outcome === 404, String(outcome));
  });
});
