import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { Browser } from 'puppeteer-core';
import { accessibilityFaults, openPage, startBrowser } from '../support/browser.ts';
import { findCommand, testWith } from '../support/real-parts.ts';
import { startStatusSite, type StatusSite } from '../support/status-site.ts';

const test = testWith('chromium');
const tree = '/status/tree?ref=shown/element/key';
const paths = {
  status: '/status',
  references: '/status/references',
  folder: '/status/references?folder=shown/element',
  tree,
  file: `${tree}&path=docs/page.html`,
  'what is not there': '/status/tree?ref=no/such/reference',
};

void describe('the status page for everybody', () => {
  let site: StatusSite;
  let browser: Browser;

  before(async () => {
    if (findCommand('chromium') === undefined) return;
    site = await startStatusSite();
    browser = await startBrowser();
    const long = 'a-name-that-is-much-longer-than-a-telephone-is-wide-'.repeat(3);
    await site.push('shown/element/key', {
      docs: { 'page.html': 'text' },
      lib: { link: 'lib64' },
      [long]: 'x',
    });
    await site.push(`shown/element/${long}`, { file: 'x' });
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  for (const [what, path] of Object.entries(paths)) {
    test(`has no fault of accessibility in light and dark, and fits 360 pixels: ${what}`, async () => {
      for (const scheme of ['light', 'dark'] as const) {
        const { page } = await openPage(browser, site.weir.opsUrl + path, { scheme });
        if (path === '/status') await page.waitForFunction(`document.querySelector('[data-drawn]') !== null`);
        await page.evaluate(`document.querySelectorAll('details').forEach((each) => { each.open = true; })`);
        assert.deepEqual(await accessibilityFaults(page), []);
        const colors = `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]`;
        const [background, ink] = ((await page.evaluate(colors)) as string[]).map((text) =>
          Number(/\d+/.exec(text)?.[0]),
        );
        assert.equal((background ?? 0) > (ink ?? 0), scheme === 'light');
        await page.setViewport({ width: 360, height: 800 });
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
        await page.close();
      }
    });
  }
});
