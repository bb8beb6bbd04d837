import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { rowsIn, textOf } from '../support/page-text.ts';
import { asBrowser, getFrom, pageFrom } from '../support/status-pages.ts';
import { startStatusSite, type StatusSite } from '../support/status-site.ts';

void describe('the status page over HTTP', () => {
  let site: StatusSite;

  before(async () => {
    site = await startStatusSite();
  });
  after(async () => await site.stop());

  const get = async (path: string, headers?: Record<string, string>) =>
    await getFrom(site.weir.opsUrl, path, headers);
  const page = async (path: string, status?: number) => await pageFrom(site.weir.opsUrl, path, status);

  test('is what a browser gets at the root, and what others get there is the list of paths', async () => {
    assert.match(await page('/'), /<h1>Status<\/h1>/);
    assert.match(await page('/status'), /<h1>Status<\/h1>/);
    for (const accept of ['*/*', 'text/plain', 'text/html;q=0', 'application/openmetrics-text; text/html']) {
      const answer = await get('/', { accept });
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8', accept);
      assert.match(answer.body.toString(), /^\/status {3}.*\n\/metrics/m);
      assert.equal(answer.headers['vary'], 'accept');
    }
  });

  test('has its figures in the document itself, under headings and in tables with captions', async () => {
    const html = await page('/status');
    for (const heading of [
      'Hits and misses over the last day',
      'What takes the room',
      'Recent pushes',
      'Health',
    ])
      assert.match(html, new RegExp(`<h2[^>]*>${heading}</h2>`));
    const tables = html.match(/<table/g)?.length ?? 0;
    assert.ok(tables >= 1);
    assert.equal(html.match(/<caption/g)?.length, tables);
    for (const part of ['Volume', 'Room', 'Promises', 'Scrub', 'Janitor', 'Clock', 'Certificates'])
      assert.match(html, new RegExp(`<h3>${part}</h3>`));
  });

  test('counts hits and misses as clients do', async () => {
    await site.push('counted/element/key', { file: 'counted' });
    const before = await sums();
    for (let hits = 0; hits < 3; hits++)
      await site.clients.references.getReference({ instanceName: '', key: 'counted/element/key' });
    for (let misses = 0; misses < 2; misses++)
      await site.clients.references.getReference({ instanceName: '', key: 'no/such/key' }).catch(() => {});
    const now = await sums();
    assert.deepEqual([now.hits - before.hits, now.misses - before.misses], [3, 2]);
  });

  async function sums(): Promise<{ hits: number; misses: number }> {
    const { series } = JSON.parse((await get('/status/history.json')).body.toString()) as {
      series: Record<'hits' | 'misses', number[]>;
    };
    const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);
    return { hits: sum(series.hits), misses: sum(series.misses) };
  }

  test('adds up the room by project and by age in the background, and says when', async () => {
    await site.push('storage-project/element/key', { file: 'x'.repeat(100_000) });
    // What was added up before the push is good for some minutes: this is another server on the same volume.
    const other = await startStatusSite({ volume: site.weir.volume });
    try {
      let html = '';
      await eventually(async () => {
        html = (await ask('GET', `${other.weir.opsUrl}/status`, { headers: asBrowser })).body.toString();
        return textOf(html).includes('Added up');
      });
      const row = rowsIn(html).find(([project]) => project === 'storage-project');
      assert.ok(
        row?.some((cell) => /^\d+(\.\d+)? kB$/.test(cell)),
        JSON.stringify(row),
      );
      assert.ok(rowsIn(html).some(([age, bytes]) => age === 'within 1 hour' && bytes?.endsWith('kB')));
    } finally {
      await other.stop();
    }
  });

  test('answers GET and HEAD only, HEAD with what GET says of itself', async () => {
    await site.push('heads/element/key', { file: 'text' });
    const file = '?ref=heads/element/key&path=file';
    for (const path of [
      '/status',
      '/status/history.json',
      '/status/references',
      `/status/tree${file}`,
      `/status/view${file}`,
      `/status/download${file}`,
      '/status/nothing',
    ]) {
      const [whole, head] = [
        await get(path),
        await ask('HEAD', site.weir.opsUrl + path, { headers: asBrowser }),
      ];
      assert.equal(head.status, whole.status, path);
      assert.equal(head.body.length, 0);
      assert.equal(head.headers['content-type'], whole.headers['content-type']);
      if (path.includes('file'))
        assert.equal(head.headers['content-length'], whole.headers['content-length']);
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        assert.equal((await ask(method, site.weir.opsUrl + path)).status, 405, `${method} ${path}`);
    }
  });

  test('gives its own files for a year under paths that change with them', async () => {
    const html = await page('/status');
    const assets = [...new Set(html.match(/\/status\/assets\/[^"]+/g))];
    assert.equal(assets.length, 5);
    for (const path of assets) {
      const answer = await get(path);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['cache-control'], 'public, max-age=31536000, immutable');
      assert.match(String(answer.headers['content-type']), /^(text\/(css|javascript)|image\/svg\+xml)/);
    }
  });
});
