import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { folderState } from '../support/fuzz-folder.ts';
import { withoutOwnWork } from '../support/own-work.ts';
import { linksIn, rowsIn, textOf } from '../support/page-text.ts';
import { assertWithout, getFrom, pageFrom } from '../support/status-pages.ts';
import { startStatusSite, type StatusSite } from '../support/status-site.ts';

void describe('looking around on the status page', () => {
  let site: StatusSite;

  before(async () => {
    site = await startStatusSite();
  });
  after(async () => await site.stop());

  const get = async (path: string, headers?: Record<string, string>) =>
    await getFrom(site.weir.opsUrl, path, headers);
  const page = async (path: string, status?: number) => await pageFrom(site.weir.opsUrl, path, status);

  test('shows references folder by folder, two hundred at a time', async () => {
    const keys = Array.from({ length: 450 }, (_, index) => `paged/element/${String(index).padStart(4, '0')}`);
    await site.push('paged/element/first', { file: 'paged' });
    const { digest } = await site.clients.references.getReference({
      instanceName: '',
      key: 'paged/element/first',
    });
    for (let from = 0; from < keys.length; from += 90)
      await site.clients.references.updateReference({
        instanceName: '',
        keys: keys.slice(from, from + 90),
        digest,
      });
    assert.ok(linksIn(await page('/status/references')).includes('/status/references?folder=paged'));
    const seen: string[] = [];
    const sizes: number[] = [];
    let next: string | undefined = '/status/references?folder=paged%2Felement';
    while (next !== undefined) {
      const html: string = await page(next);
      const names = rowsIn(html)
        .map(([name]) => name ?? '')
        .filter((name) => name !== 'Name');
      seen.push(...names);
      sizes.push(names.length);
      next = linksIn(html).find((link) => link.includes('after='));
    }
    assert.deepEqual(sizes, [200, 200, 51]);
    assert.deepEqual(seen, [...keys.map((key) => key.slice(-4)), 'first']);
  });

  test('shows a tree folder by folder, with sizes, down to a file', async () => {
    await site.push('trees/element/key', {
      usr: { bin: { 'run.sh': '#!/bin/sh\n', tool: 'x'.repeat(2500) }, 'lib.so': { link: 'lib.so.1' } },
      readme: 'hello',
    });
    const top = rowsIn(await page('/status/tree?ref=trees%2Felement%2Fkey'));
    assert.deepEqual(
      top.find(([name]) => name === 'usr'),
      ['usr', '2.5 kB', '2.5 kB in 2 files and 1 folder', ''],
    );
    assert.ok(top.some(([name, size]) => name === 'readme' && size === '5 B'));
    const usr = rowsIn(await page('/status/tree?ref=trees/element/key&path=usr'));
    assert.ok(usr.some(([name]) => name === 'lib.so → lib.so.1'));
    const bin = await page('/status/tree?ref=trees/element/key&path=/usr/bin/');
    assert.ok(
      rowsIn(bin).some(([name, size, what]) => name === 'run.sh' && size === '10 B' && what === 'executable'),
    );
    const file = await page('/status/tree?ref=trees/element/key&path=usr/bin/tool');
    assert.match(textOf(file), /Size 2\.5 kB .*Digest [0-9a-f]{64}\/2500/);
    for (const action of ['view', 'download'])
      assert.ok(linksIn(file).includes(`/status/${action}?ref=trees%2Felement%2Fkey&path=usr%2Fbin%2Ftool`));
  });

  test('shows a folder of many entries in parts', async () => {
    const files = Array.from(
      { length: 401 },
      (_, index) => [`f${String(index).padStart(3, '0')}`, 'same'] as const,
    );
    await site.push('wide/element/key', { wide: Object.fromEntries(files) });
    const seen: string[] = [];
    let next: string | undefined = '/status/tree?ref=wide/element/key&path=wide';
    let pages = 0;
    while (next !== undefined) {
      const html: string = await page(next);
      pages++;
      seen.push(
        ...rowsIn(html)
          .map(([name]) => name ?? '')
          .filter((name) => name.startsWith('f')),
      );
      next = linksIn(html).find((link) => link.includes('after='));
    }
    assert.deepEqual([pages, seen], [3, files.map(([name]) => name)]);
  });

  test('finds what BuildStream 2 pushed by its own name and by its URI, and references of instances', async () => {
    const uri = 'urn:fdc:buildstream.build:2020:artifact:second/element/key';
    await site.pushAsset(uri, { inside: 'asset' });
    for (const ref of ['second/element/key', uri]) {
      const html = await page(`/status/tree?ref=${encodeURIComponent(ref)}`);
      assert.ok(rowsIn(html).some(([name]) => name === 'references_directories/0'));
    }
    const deep = await page(`/status/tree?ref=second/element/key&path=references_directories/0`);
    assert.ok(rowsIn(deep).some(([name, size]) => name === 'inside' && size === '5 B'));
    await site.push('third/element/key', { inside: 'instance' }, 'team/a');
    assert.ok(linksIn(await page('/status/references')).includes('/status/references?instance=team%2Fa'));
    assert.ok(
      linksIn(await page('/status/references?instance=team%2Fa&folder=third/element')).includes(
        '/status/tree?ref=team%2Fa%3Athird%2Felement%2Fkey',
      ),
    );
    assert.ok(
      rowsIn(await page('/status/tree?ref=team/a:third/element/key')).some(([name]) => name === 'inside'),
    );
  });

  test('shows names of any kind as text, and runs or loads nothing of them', async () => {
    const hostile =
      '<script>alert(1)<\u{2215}script><img src=x onerror=alert(2)>"\'`onmouseover=alert(3) ‮gpj.exe';
    await site.push(`evil/${hostile}/key`, { [hostile]: { [`${hostile}.html`]: hostile } });
    const tree = `/status/tree?ref=${encodeURIComponent(`evil/${hostile}/key`)}`;
    const folder = `&path=${encodeURIComponent(hostile)}`;
    const pages = [
      '/status',
      '/status/references?folder=evil',
      `/status/references?folder=${encodeURIComponent(`evil/${hostile}`)}`,
      tree,
      tree + folder,
      `${tree}${folder}${encodeURIComponent(`/${hostile}.html`)}`,
    ];
    for (const path of pages) {
      const html = await page(path);
      assert.ok(html.includes('&#60;script&#62;alert(1)'), path);
      assertWithout(html, /<script>|<img|‮/);
    }
    const refused = await page(`/status/tree?ref=${encodeURIComponent(`"><script>alert(1)</script>`)}`, 404);
    assertWithout(refused, /<script>/);
    assert.match(refused, /value="&#34;&#62;&#60;script&#62;/);
  });

  test('says of bad paths what is wrong, with the status that fits', async () => {
    const statuses: Record<string, number> = {
      '/status/nothing': 404,
      '/status/assets/0123456789abcdef/page.css': 404,
      '/status/assets/..%2F..%2F..%2Fetc%2Fpasswd': 404,
      '/status/references?folder=no-such-folder': 404,
      '/status/references?folder=..': 400,
      '/status/references?folder=a/../../../..': 400,
      '/status/references?folder=%00': 400,
      '/status/references?folder=a%5Cb': 400,
      '/status/references?instance=..%2F..%2Fblobs': 400,
      '/status/references?folder=%ff%fe': 404,
      [`/status/references?folder=${'a/'.repeat(40)}`]: 400,
      '/status/tree': 400,
      '/status/tree?ref=': 400,
      '/status/tree?ref=no/such/reference': 404,
      '/status/tree?ref=../../etc/passwd': 400,
      '/status/tree?ref=bad/element/key&path=nowhere': 404,
      '/status/tree?ref=bad/element/key&path=file/below': 404,
      '/status/tree?ref=bad/element/key&path=..': 404,
      [`/status/tree?ref=bad/element/key&path=${'a/'.repeat(4200)}`]: 413,
      [`/status/tree?ref=${'a'.repeat(9500)}`]: 400,
      '/status/view?ref=bad/element/key': 400,
      '/status/download?ref=bad/element/key&path=link': 400,
      '/status/view?ref=bad/element/key&path=binary': 415,
      '/status/view?ref=bad/element/key&path=large': 413,
    };
    await site.push('bad/element/key', {
      file: 'text',
      link: { link: '/etc/passwd' },
      binary: Buffer.from([1, 0, 2]),
      large: Buffer.alloc(1024 * 1024 + 1, 'x'),
    });
    for (const [path, status] of Object.entries(statuses)) {
      const html = await page(path, status);
      assert.match(html, /<h1>.+<\/h1>\s*<p class="lead">[A-Z].{8,}\.<\/p>/, path);
      assert.ok(!html.includes(site.weir.volume), path);
      assert.ok(linksIn(html).includes('/status'));
    }
  });

  test('leaves the volume as it is, to the last time of a file', async () => {
    await site.push('traces/element/key', { folder: { file: 'text' } });
    // In tmp the server itself tries now and then whether it can write.
    const state = async () => {
      const { tmp: _, ...rest } = withoutOwnWork(await folderState(site.weir.volume, true));
      return rest;
    };
    const before = await state();
    for (const path of [
      '/status',
      '/status/references?folder=traces/element',
      '/status/tree?ref=traces/element/key',
      '/status/tree?ref=traces/element/key&path=folder/file',
      '/status/view?ref=traces/element/key&path=folder/file',
      '/status/download?ref=traces/element/key&path=folder/file',
    ])
      assert.equal((await get(path)).status, 200);
    assert.deepEqual(await state(), before);
  });
});
