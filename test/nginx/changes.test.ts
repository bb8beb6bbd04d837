import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import type { ByteStreamClient, WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { authorize, authorizeOnly, newClient, newServerPair } from '../support/certificates.ts';
import { certs } from '../support/certs-command.ts';
import { testWith } from '../support/real-parts.ts';
import { shownFingerprint } from '../support/shown-certificate.ts';
import { startSite } from './site.ts';
import type { Site } from './site.ts';

const test = testWith('nginx');

/** OK, or the status that a call ends with. */
async function statusOf(client: ByteStreamClient): Promise<Status> {
  try {
    await client.queryWriteStatus({ resourceName: 'x' });
    return Status.OK;
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
}

/** Nothing here tells nginx: the watch of the folder and the watcher beside nginx have to notice. */
async function eventually(
  expected: Status,
  client: ByteStreamClient | (() => Promise<ByteStreamClient>),
): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const status = await statusOf(typeof client === 'function' ? await client() : client);
    if (status === expected) return;
    assert.ok(Date.now() < deadline, `still ${Status[status]} instead of ${Status[expected]} after 120 s`);
    await sleep(100);
  }
}

test('appending a certificate to the list admits its holder without a restart', async (t) => {
  const site = await startSite(t);
  const user = await newClient(site.certsDir, 'user');
  const client = await site.client('push', user);
  assert.equal(await statusOf(client), Status.UNAUTHENTICATED);
  await authorize(site.certsDir, user);
  await eventually(Status.OK, client);
});

test('a certificate taken off the list is refused on the connection it already has; streams in flight go on', async (t) => {
  const site = await startSite(t);
  const other = await newClient(site.certsDir, 'other', { commonName: 'client' });
  await authorize(site.certsDir, other);
  await site.nginx.reload();
  const client = await site.client('push', site.firstClient);
  const upload = startUpload(site, client);
  await upload.next();
  const puller = await site.client('pull');
  const download = startDownload(site, puller);
  await download.next();

  await authorizeOnly(site.certsDir, other);
  await eventually(Status.UNAUTHENTICATED, client);

  await upload.next();
  await download.next();
  assert.equal(await upload.finish(), 3n);
  await download.finish();
  assert.equal(await statusOf(await site.client('push', other)), Status.OK);
});

test('many who are revoked and authorised at once all are; streams of others go on, whatever is changed meanwhile', async (t) => {
  const site = await startSite(t);
  const folder = dirname(site.certsDir);
  const users = async (names: string[]) =>
    await Promise.all(names.map(async (name) => await newClient(join(folder, 'users'), name)));
  const leaving = await users(['ann', 'ben', 'cleo']);
  const coming = await users(['dora', 'emil', 'fay']);
  for (const user of leaving) await authorize(site.certsDir, user);
  await site.nginx.reload();
  const upload = startUpload(site, await site.client('push', site.firstClient));
  await upload.next();
  const download = startDownload(site, await site.client('pull'));
  await download.next();
  for (const pair of leaving) assert.equal(await statusOf(await site.client('push', pair)), Status.OK);

  const run = async (...args: string[]) => {
    const { code, stderr } = await certs(folder, [...args, '--dir', site.certsDir]);
    assert.equal(code, 0, stderr);
  };
  const changed = Promise.all([
    ...['ann', 'ben', 'cleo'].map(async (name) => await run('revoke', name)),
    ...coming.map(async ({ certificateFile }) => await run('authorize', certificateFile, '--append')),
  ]);
  const takeEffect = async () => {
    await changed;
    // Each time on a new connection: one that is made while nginx reloads may stay with the workers that are on their way out, and
    // what these still let in is Weir's to refuse, by its own copy of the list.
    for (const pair of leaving) await eventually(Status.UNAUTHENTICATED, () => site.client('push', pair));
    for (const pair of coming) await eventually(Status.OK, () => site.client('push', pair));
  };
  const over = new AbortController();
  const effective = takeEffect().finally(() => over.abort());
  let sent = 1n;
  while (!over.signal.aborted) {
    await upload.next();
    sent++;
    await download.next();
    await sleep(20);
  }
  await effective;

  assert.equal(await upload.finish(), sent + 1n);
  await download.finish();
  assert.equal(await statusOf(await site.client('push', site.firstClient)), Status.OK);
});

test('a new server pair is shown to new connections without a restart; streams in flight go on', async (t) => {
  const site = await startSite(t);
  const before = await site.serverCertificate();
  const download = startDownload(site, await site.client('pull'));
  await download.next();
  const pair = await newServerPair(site.certsDir);
  await t.waitFor(
    async () => {
      for (const port of [site.nginx.pullPort, site.nginx.pushPort]) {
        assert.equal(await shownFingerprint(port), pair.fingerprint);
      }
    },
    { interval: 50, timeout: 120_000 },
  );
  await download.next();
  await download.finish();
  assert.notEqual(await site.serverCertificate(), before);
  assert.equal(await statusOf(await site.client('push', site.firstClient)), Status.OK);
});

test('a broken server pair is not taken over', async (t) => {
  const site = await startSite(t);
  const shown = await shownFingerprint(site.nginx.pullPort);
  const puller = await site.client('pull');
  await writeFile(join(site.certsDir, 'server.key'), site.firstClient.keyPem);
  await site.nginx.reload();
  assert.equal(await shownFingerprint(site.nginx.pullPort), shown);
  assert.equal(await statusOf(puller), Status.OK);
});

const brokenLists: { what: string; spoil: (list: string) => Promise<void> }[] = [
  {
    what: 'cut off in the middle of a certificate',
    spoil: async (list) => await appendFile(list, (await readFile(list, 'utf8')).slice(0, 300)),
  },
  {
    what: 'without a newline between two certificates',
    spoil: async (list) => {
      const text = await readFile(list, 'utf8');
      await writeFile(list, text.trimEnd() + text);
    },
  },
  {
    what: 'with a certificate of garbage',
    spoil: async (list) =>
      await appendFile(list, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
  },
  {
    what: 'with Windows line ends',
    spoil: async (list) => await writeFile(list, (await readFile(list, 'utf8')).replaceAll('\n', '\r\n')),
  },
];

for (const { what, spoil } of brokenLists) {
  test(`a list ${what} keeps pull alive and its sound certificates authorised`, async (t) => {
    const site = await startSite(t);
    await spoil(join(site.certsDir, 'authorized.crt'));
    await site.nginx.reload();
    assert.equal(await statusOf(await site.client('pull')), Status.OK);
    assert.equal(await statusOf(await site.client('push', site.firstClient)), Status.OK);
  });
}

for (const what of ['an empty list', 'no list']) {
  test(`${what} keeps pull alive and refuses every push`, async (t) => {
    const site = await startSite(t);
    const list = join(site.certsDir, 'authorized.crt');
    await (what === 'no list' ? rm(list) : writeFile(list, ''));
    await site.nginx.reload();
    assert.equal(await statusOf(await site.client('pull')), Status.OK);
    assert.equal(await statusOf(await site.client('push', site.firstClient)), Status.UNAUTHENTICATED);
    assert.equal(await statusOf(await site.client('push')), Status.UNAUTHENTICATED);
  });
}

/** An upload that sends one byte per next(), and returns only when it has arrived. */
function startUpload(site: Site, client: ByteStreamClient) {
  const already = site.backend.receivedBytes;
  let sent = 0;
  let release: () => void = () => undefined;
  let gate = new Promise<void>((resolve) => (release = resolve));
  let finished = false;
  async function* requests(): AsyncGenerator<WriteRequest> {
    for (;;) {
      await gate;
      gate = new Promise<void>((resolve) => (release = resolve));
      sent++;
      yield { resourceName: 'blob', data: Buffer.from('.'), finishWrite: finished, writeOffset: 0n };
      if (finished) return;
    }
  }
  const answer = client.write(requests());
  // Looked at in finish(); until then a failure must not count as unhandled.
  answer.catch(() => undefined);
  return {
    next: async () => {
      const expected = already + sent + 1;
      release();
      await Promise.race([site.backend.received(expected), answer]);
    },
    finish: async () => {
      finished = true;
      release();
      return (await answer).committedSize;
    },
  };
}

/** A download of one byte per next(). */
function startDownload(site: Site, client: ByteStreamClient) {
  const ending = new AbortController();
  const replies = client.read(
    { resourceName: 'drip', readOffset: 0n, readLimit: 0n },
    { signal: ending.signal },
  );
  const stream = replies[Symbol.asyncIterator]();
  return {
    next: async () => {
      site.backend.allowRead();
      const { value, done } = await stream.next();
      assert.equal(done, false);
      assert.equal(value?.data.length, 1);
    },
    finish: async () => {
      ending.abort();
      await assert.rejects(stream.next(), { name: 'AbortError' });
    },
  };
}
