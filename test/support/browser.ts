import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { findCommand } from './real-parts.ts';

/** How a page is looked at. */
export interface Look {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  readonly scripts?: boolean;
}

/** A page in a browser, and everything that went wrong on it or left for elsewhere. */
export interface OpenPage {
  readonly page: Page;
  /** Lines of the console that are errors or warnings, exceptions, dialogs, requests that failed. */
  readonly troubles: readonly string[];
  /** Every address that was asked for. */
  readonly requests: readonly string[];
}

/** Chromium without a window. Its sandbox needs rights that tests have not; it sees our own pages only. */
export async function startBrowser(): Promise<Browser> {
  return await launch({
    executablePath: findCommand('chromium') ?? 'chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: 120_000,
    protocolTimeout: 300_000,
  });
}

export async function openPage(browser: Browser, url: string, look: Look = {}): Promise<OpenPage> {
  const { width = 1280, scheme = 'light', scripts = true } = look;
  const page = await browser.newPage();
  page.setDefaultTimeout(300_000);
  const troubles: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('requestfailed', (request) => troubles.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on('request', (request) => requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setJavaScriptEnabled(scripts);
  await page.goto(url, { waitUntil: 'load' });
  return { page, troubles, requests };
}

const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds wrong for people who do not see the page, or not well; a line each. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(axeSource, 'utf8'));
  return (await page.evaluate(`
    axe.run().then(({ violations }) =>
      violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => id + ': ' + html + ' ' + failureSummary)))
  `)) as string[];
}
