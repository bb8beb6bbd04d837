// Sources that send too much, too slowly, or something else than the content.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { DownloaderOptions } from '../../src/fetch/https-downloader.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer } from '../support/file-server.ts';
import { type FetchSite, patient, refusalOf, startFetchSite, wanted } from '../support/fetch-site.ts';

describe('a download is refused, and nothing stored, when its source', () => {
  let site: FetchSite;

  before(async () => {
    site = await startFetchSite();
  });
  after(() => site.close());

  async function isRefused(
    answer: Answer,
    kind: string,
    sentence: RegExp,
    options: Partial<DownloaderOptions> = {},
  ): Promise<void> {
    site.files.answers.set('/content', answer);
    const refusal = await refusalOf(site.downloader(options).download(wanted(site.url('/content')), patient));
    assert.equal(refusal.kind, kind, refusal.message);
    assert.match(refusal.message, sentence);
    // Who gave up need not wait for what is tidied away then.
    await eventually(async () => (await site.leftovers()).length === 0);
    assert.equal(await site.blobs(), 0);
  }

  test('answers with anything but 200', async () => {
    const kinds: Record<number, string> = {
      201: 'failed-precondition',
      204: 'failed-precondition',
      206: 'failed-precondition',
      300: 'failed-precondition',
      302: 'failed-precondition',
      304: 'failed-precondition',
      400: 'failed-precondition',
      401: 'permission-denied',
      403: 'permission-denied',
      404: 'not-found',
      410: 'not-found',
      418: 'failed-precondition',
      429: 'unavailable',
      500: 'unavailable',
      503: 'unavailable',
    };
    for (const [status, kind] of Object.entries(kinds)) {
      const answer: Answer = (_, response) => response.writeHead(Number(status)).end();
      await isRefused(answer, kind, new RegExp(`"files.test:\\d+" answered with HTTP status ${status}`));
    }
  });

  test('announces more than may be fetched', async () => {
    const answer: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1001' });
      response.write('a');
    };
    await isRefused(answer, 'resource-exhausted', /larger than the 1000 bytes.*FETCH_MAX_BYTES/, {
      maxBytes: 1000,
    });
  });

  test('sends more than may be fetched, without having announced it', async () => {
    const answer: Answer = (_, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(10_000)));
      };
      response.on('drain', more);
      more();
    };
    await isRefused(answer, 'resource-exhausted', /larger than the 1000000 bytes/, { maxBytes: 1_000_000 });
  });

  test('compresses what it was asked for as it is', async () => {
    const answer: Answer = (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('zipped');
    await isRefused(answer, 'failed-precondition', /content encoding "gzip"/);
  });

  test('breaks off', async () => {
    const breakOff = (response: ServerResponse) => {
      response.write('half', () => response.destroy());
    };
    await isRefused(
      (_, response) => breakOff(response.writeHead(200, { 'content-length': '8' })),
      'unavailable',
      /fail/,
    );
    await isRefused((_, response) => breakOff(response.writeHead(200)), 'unavailable', /fail/);
    await isRefused((_, response) => void response.destroy(), 'unavailable', /failed \(ECONNRESET\)/);
  });

  test('does not say where its answer ends, and no checksum does', async () => {
    const raw: Answer = (_, response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ncontent');
    };
    await isRefused(raw, 'failed-precondition', /checksum.sri/);
  });

  test('stops sending', async () => {
    const silent: Answer = () => {};
    await isRefused(silent, 'unavailable', /nothing came for 0.2 seconds/, { idleMs: 200 });
    const stopping: Answer = (_, response) => void response.writeHead(200).write('begun');
    await isRefused(stopping, 'unavailable', /nothing came for 1 seconds/, { idleMs: 1000 });
  });

  test('sends a byte now and then, for longer than the whole may take', async () => {
    const dripping: Answer = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    };
    await isRefused(dripping, 'unavailable', /not done within 2 seconds/, { timeoutMs: 2000 });
    site.files.answers.set('/content', dripping);
    const request = wanted(site.url('/content'), { timeoutMs: 1000 });
    const { kind, message } = await refusalOf(site.downloader().download(request, patient));
    assert.equal(kind, 'unavailable');
    assert.match(message, /not done within 1 seconds/);
  });

  test('is behind a name whose resolution never ends', async () => {
    const resolve = () => new Promise<string[]>(() => {});
    await isRefused(() => {}, 'unavailable', /nothing came for 0.2 seconds/, { resolve, idleMs: 200 });
  });

  test('does not listen', async () => {
    const hosts = ['files.test:1'];
    const { kind, message } = await refusalOf(
      site.downloader({ hosts }).download(wanted('https://files.test:1/content'), patient),
    );
    assert.equal(kind, 'unavailable');
    assert.match(message, /ECONNREFUSED/);
  });
});
