// What comes of a download: the blob, what its source is told, and what is stored when it goes wrong.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { digestOf } from '../../src/core/digest.ts';
import { eventually } from '../support/eventually.ts';
import {
  checksumOf,
  type FetchSite,
  patient,
  refusalOf,
  startFetchSite,
  wanted,
} from '../support/fetch-site.ts';

describe('a download', () => {
  let site: FetchSite;

  before(async () => {
    site = await startFetchSite();
  });
  after(() => site.close());

  function served(path: string, bytes: Uint8Array, headers = {}): string {
    site.files.answers.set(path, (_, response) => response.writeHead(200, headers).end(bytes));
    return site.url(path);
  }

  /** A path whose answer waits until the test gives it. */
  function held(path: string): { uri: string; responses: ServerResponse[] } {
    const responses: ServerResponse[] = [];
    site.files.answers.set(path, (_, response) => void responses.push(response));
    return { uri: site.url(path), responses };
  }

  test('becomes a blob that is named by its hash, by whichever digest function was asked for', async () => {
    const bytes = randomBytes(3_000_000);
    const uri = served('/large', bytes);
    for (const digestFunction of ['sha256', 'sha1', 'blake3'] as const) {
      const { digest } = await site.downloader().download(wanted(uri, { digestFunction }), patient);
      assert.equal(digest.digestFunction, digestFunction);
      assert.equal(digest.sizeBytes, bytes.length);
      assert.deepEqual(await site.bytesOf(digest), bytes);
    }
    assert.deepEqual(await site.leftovers(), []);
  });

  test('of no bytes is the blob of no bytes', async () => {
    const { digest } = await site.downloader().download(wanted(served('/empty', Buffer.of())), patient);
    assert.equal(digest.sizeBytes, 0);
    assert.deepEqual(await site.volume.blobs.findMissing([digest]), []);
  });

  test('of what is here already leaves the blob as it is', async () => {
    const bytes = randomBytes(1000);
    const uri = served('/twice', bytes);
    const first = await site.downloader().download(wanted(uri), patient);
    const blobs = await site.blobs();
    const second = await site.downloader().download(wanted(uri), patient);
    assert.deepEqual(second, first);
    assert.equal(await site.blobs(), blobs);
    assert.deepEqual(await site.leftovers(), []);
  });

  test('is taken when it has one of the checksums', async () => {
    const bytes = randomBytes(1000);
    const uri = served('/checked', bytes);
    for (const algorithm of ['sha256', 'sha384', 'sha512'] as const) {
      const checksums = [checksumOf(Buffer.from('other'), algorithm), checksumOf(bytes, algorithm)];
      const { digest } = await site.downloader().download(wanted(uri, { checksums }), patient);
      assert.deepEqual(await site.bytesOf(digest), bytes);
    }
  });

  test('needs no length of an answer whose end a checksum tells', async () => {
    site.files.answers.set('/endless', (_, { socket }) => {
      socket?.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ncontent');
    });
    const checksums = [checksumOf(Buffer.from('content'))];
    const { digest } = await site.downloader().download(wanted(site.url('/endless'), { checksums }), patient);
    assert.equal(digest.sizeBytes, 'content'.length);
  });

  test('with another checksum is refused, and nothing is stored', async () => {
    const bytes = randomBytes(1000);
    const uri = served('/tampered', bytes);
    const blobs = await site.blobs();
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const checksums = [checksumOf(Buffer.from('what was wanted'), algorithm)];
      const { kind, message } = await refusalOf(
        site.downloader().download(wanted(uri, { checksums }), patient),
      );
      assert.equal(kind, 'digest-mismatch');
      assert.match(message, new RegExp(checksumOf(bytes, algorithm).hash));
    }
    const digest = digestOf(checksumOf(bytes).hash, bytes.length);
    assert.deepEqual(await site.volume.blobs.findMissing([digest]), [digest]);
    assert.equal(await site.blobs(), blobs);
    assert.deepEqual(await site.leftovers(), []);
  });

  test('is tried at one URI after the other', async () => {
    const bytes = randomBytes(1000);
    const [gone, wrong, good] = [
      site.url('/gone'),
      served('/wrong', randomBytes(10)),
      served('/good', bytes),
    ];
    const checksums = [checksumOf(bytes)];
    const uris = ['ftp://files.test/x', site.url('/x', 'other.test'), gone, wrong, good];
    const { uri, digest } = await site.downloader().download(wanted(uris, { checksums }), patient);
    assert.equal(uri, good);
    assert.deepEqual(await site.bytesOf(digest), bytes);
  });

  test('says what each URI answered when none gives it', async () => {
    const uris = [site.url('/gone'), served('/other', randomBytes(10)), site.url('/x', 'other.test')];
    const checksums = [checksumOf(randomBytes(10))];
    const { kind, message } = await refusalOf(
      site.downloader().download(wanted(uris, { checksums }), patient),
    );
    assert.equal(kind, 'digest-mismatch');
    assert.match(message, /status 404; .*checksum.*; .*FETCH_HOSTS/);
    const absent = await refusalOf(
      site.downloader().download(wanted([site.url('/a'), site.url('/b')]), patient),
    );
    assert.equal(absent.kind, 'not-found');
  });

  test('asks as Weir, for the bytes as they are, without anything that a server told it to send', async () => {
    site.files.answers.set('/cookie', (_, response) =>
      response.writeHead(302, { location: '/content', 'set-cookie': 'a=b; Path=/' }).end(),
    );
    served('/content', Buffer.from('content'));
    await site.downloader().download(wanted(site.url('/cookie')), patient);
    const asked = site.files.requests.at(-1);
    assert.equal(asked?.url, '/content');
    assert.deepEqual(asked.headers, {
      accept: '*/*',
      'accept-encoding': 'identity',
      connection: 'close',
      host: `files.test:${site.files.port}`,
      'user-agent': 'weir',
    });
  });

  test("gives a client's headers to the host that they are for, and to none that it redirects to", async () => {
    const headers = { authorization: 'Bearer secret', 'x-key': 'value' };
    const sent = () => site.files.requests.at(-1)?.headers;
    served('/private', Buffer.from('private'));
    const redirect = (path: string, location: string) => {
      site.files.answers.set(path, (_, response) => response.writeHead(307, { location }).end());
      return { sources: [{ uri: site.url(path), headers }] };
    };
    await site.downloader().download(wanted([], redirect('/same', '/private')), patient);
    assert.equal(sent()?.authorization, 'Bearer secret');
    assert.equal(sent()?.['x-key'], 'value');
    await site
      .downloader()
      .download(wanted([], redirect('/else', site.url('/private', 'mirror.test'))), patient);
    assert.equal(sent()?.host, `mirror.test:${site.files.port}`);
    assert.equal(sent()?.authorization, undefined);
    assert.equal(sent()?.['x-key'], undefined);
  });

  test('that is wanted by several at once is fetched once, one with other headers for itself', async () => {
    const { uri, responses } = held('/shared');
    const downloader = site.downloader();
    const downloads = [wanted(uri), wanted(uri, { timeoutMs: 90_000 }), wanted(uri)].map((request) =>
      downloader.download(request, patient),
    );
    const other = downloader.download(
      wanted([], { sources: [{ uri, headers: { 'x-key': 'value' } }] }),
      patient,
    );
    await eventually(() => responses.length === 2);
    for (const response of responses) response.end('shared');
    const all = await Promise.all([...downloads, other]);
    assert.equal(new Set(all.map(({ digest }) => digest.hash)).size, 1);
    assert.equal(responses.length, 2);
    // Nothing is under way any more: the next one asks again.
    const next = downloader.download(wanted(uri), patient);
    await eventually(() => responses.length === 3);
    responses[2]?.end('changed');
    assert.equal((await next).digest.sizeBytes, 'changed'.length);
  });

  test('goes on when one of those who want it hangs up, and ends when the last one does', async () => {
    const { uri, responses } = held('/hung');
    const downloader = site.downloader();
    const [first, last] = [new AbortController(), new AbortController()];
    const downloads = [first, last].map(({ signal }) => downloader.download(wanted(uri), signal));
    await eventually(() => responses.length === 1);
    const [response] = responses;
    assert.ok(response);
    response.write('begun');
    await eventually(async () => (await site.leftovers()).length === 1);
    first.abort(new Error('hung up'));
    await assert.rejects(downloads[0] ?? Promise.resolve(), /hung up/);
    // Time enough for a connection to be closed, were it to be.
    await downloader.download(wanted(served('/meanwhile', Buffer.from('meanwhile'))), patient);
    assert.equal(response.destroyed, false);
    const closed = once(response, 'close');
    last.abort(new Error('hung up as well'));
    await assert.rejects(downloads[1] ?? Promise.resolve(), /hung up as well/);
    await closed;
    await eventually(async () => (await site.leftovers()).length === 0);
    // One that comes now is a download of its own.
    const again = downloader.download(wanted(uri), patient);
    await eventually(() => responses.length === 2);
    responses[1]?.end('whole');
    assert.equal((await again).digest.sizeBytes, 'whole'.length);
  });

  test('waits while as many as may are under way, and can be given up while it does', async () => {
    const { uri, responses } = held('/busy');
    const downloader = site.downloader({ atOnce: 2 });
    const request = (number: number) =>
      wanted([], { sources: [{ uri, headers: { 'x-number': `${number}` } }] });
    const downloads = [1, 2, 3].map((number) => downloader.download(request(number), patient));
    const impatient = new AbortController();
    const given = downloader.download(request(4), impatient.signal);
    await eventually(() => responses.length === 2);
    impatient.abort(new Error('enough'));
    await assert.rejects(given, /enough/);
    const { kind, message } = await refusalOf(downloader.download({ ...request(5), timeoutMs: 50 }, patient));
    assert.equal(kind, 'unavailable');
    assert.match(message, /not done within 0.05 seconds/);
    assert.equal(responses.length, 2);
    responses[0]?.end('done');
    await eventually(() => responses.length === 3);
    responses[1]?.end('done');
    responses[2]?.end('done');
    await Promise.all(downloads);
    assert.equal(responses.length, 3);
  });
});

test('a download that the volume has no room for is refused, and leaves nothing', async () => {
  const site = await startFetchSite(1e18);
  try {
    const bytes = randomBytes(1000);
    site.files.answers.set('/content', (_, response) => response.end(bytes));
    const uris = [site.url('/content'), site.url('/content', 'mirror.test')];
    const { kind, message } = await refusalOf(site.downloader().download(wanted(uris), patient));
    assert.equal(kind, 'resource-exhausted');
    assert.match(message, /can never fit/);
    assert.equal(site.files.requests.length, 1);
    assert.deepEqual(await site.leftovers(), []);
    assert.equal(await site.blobs(), 0);
  } finally {
    await site.close();
  }
});
