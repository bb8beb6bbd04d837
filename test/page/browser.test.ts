import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { Browser } from 'puppeteer-core';
import { type Look, openPage, startBrowser } from '../support/browser.ts';
import { findCommand, testWith } from '../support/real-parts.ts';
import { startStatusSite, type StatusSite } from '../support/status-site.ts';

const test = testWith('chromium');
const hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>';
const tree = '/status/tree?ref=shown/element/key';

void describe('the status page in a browser', () => {
  let site: StatusSite;
  let browser: Browser;

  before(async () => {
    if (findCommand('chromium') === undefined) return;
    site = await startStatusSite();
    browser = await startBrowser();
    await site.push('shown/element/key', {
      docs: { 'page.html': `<title>no</title><script>document.title = 'ran'</script>` },
      lib: { link: 'lib64' },
      [hostile.replaceAll('/', '∕')]: 'hostile',
    });
    await site.push(`hostile/${hostile.replaceAll('/', '∕')}/key`, { file: 'x' });
    for (const key of ['shown/element/key', 'not/here/at-all'])
      await site.clients.references.getReference({ instanceName: '', key }).catch(() => {});
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const open = async (path: string, look: Look = {}) =>
    await openPage(browser, site.weir.opsUrl + path, look);

  test('draws its charts without a complaint, and asks no other server for anything', async () => {
    const { page, troubles, requests } = await open('/status');
    await page.waitForFunction(`document.querySelectorAll('[data-drawn] canvas').length === 3`);
    const painted = await page.$$eval('[data-drawn] canvas', (canvases) =>
      canvases.map((canvas) => {
        const { width, height } = canvas;
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
        return [...pixels].some((value) => value !== 0);
      }),
    );
    assert.deepEqual(painted, [true, true, true]);
    assert.deepEqual(troubles, []);
    assert.ok(requests.length >= 7);
    for (const url of requests) assert.equal(new URL(url).origin, new URL(site.weir.opsUrl).origin);
    await page.close();
  });

  test('shows what was added up meanwhile by itself', async () => {
    const { page } = await open('/status');
    await page.waitForFunction(`document.querySelector('#storage td.number') !== null`);
    assert.match(await page.$eval('#storage', (part) => part.textContent ?? ''), /Added up .*shown/s);
    await page.close();
  });

  test('has the essentials without JavaScript: figures, pictures, tables, and the way to a file', async () => {
    const { page, troubles } = await open('/status', { scripts: false });
    assert.match(await page.$eval('#figures', (part) => part.textContent ?? ''), /50\.0 %/);
    assert.ok((await page.$$('[data-chart] svg rect')).length > 0);
    await page.click('summary');
    assert.ok(await page.$eval('#hours', (table) => table.checkVisibility()));
    for (const name of ['References', 'shown', 'element', 'key', 'docs', 'page.html'])
      await Promise.all([page.waitForNavigation(), page.click(`a ::-p-text(${name})`)]);
    await Promise.all([page.waitForNavigation(), page.click('a ::-p-text(View as text)')]);
    assert.match(await page.$eval('body', (body) => body.textContent ?? ''), /document\.title = 'ran'/);
    assert.deepEqual(troubles, []);
    await page.close();
  });

  test('can be used by the keyboard alone, from the link that skips to the content on', async () => {
    const { page } = await open('/status');
    const focused = async () =>
      (await page.evaluate(`
        document.activeElement.tagName + ' ' +
          (document.activeElement.id || document.activeElement.textContent.trim().slice(0, 30))
      `)) as string;
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'A Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'MAIN main');
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'SUMMARY The same in figures, hour by h');
    await page.keyboard.press('Enter');
    assert.ok(await page.$eval('#hours', (table) => table.checkVisibility()));
    const seen = new Set<string>();
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab');
      seen.add(await focused());
    }
    // All around: nothing keeps the focus.
    for (const stop of ['A shown/element/key', 'A Skip to the content', 'A References'])
      assert.ok(seen.has(stop), [...seen].join(', '));
    await page.close();
  });

  test('runs nothing that comes from names or contents of the cache', async () => {
    for (const path of ['/status', '/status/references?folder=hostile', tree]) {
      const { page, troubles } = await open(path);
      assert.deepEqual(troubles, []);
      assert.equal(await page.$('img, script:not([src])'), null);
      await page.close();
    }
    const { page } = await open('/status/view?ref=shown/element/key&path=docs/page.html');
    assert.equal(await page.evaluate('document.contentType'), 'text/plain');
    assert.notEqual(await page.title(), 'ran');
    await page.close();
  });
});
