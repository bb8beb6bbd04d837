import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fetchBlob } from '../support/assets.ts';
import { type FileServer, startFileServer } from '../support/file-server.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, downloadName, failure, randomBlob, read } from '../support/wire.ts';

describe('FetchBlob of what lies on a listed host', () => {
  let files: FileServer;
  let folder: string;
  let weir: Weir;
  let push: Clients;
  let pull: Clients;

  before(async () => {
    files = await startFileServer();
    folder = await mkdtemp(join(tmpdir(), 'weir-authority-'));
    await writeFile(join(folder, 'authority.crt'), files.authorities);
    weir = await startWeir({
      env: {
        FETCH_HOSTS: `localhost:${files.port}`,
        FETCH_PRIVATE_NETWORKS: '127.0.0.0/8',
        NODE_EXTRA_CA_CERTS: join(folder, 'authority.crt'),
      },
    });
    [push, pull] = [clientsAt(weir.pushAddress), clientsAt(weir.pullAddress)];
  });

  after(async () => {
    push.close();
    pull.close();
    await weir.stop();
    await files.close();
    await rm(folder, { recursive: true });
  });

  /** A file of its own, and what Bazel says of it. */
  function onHost(path: string) {
    const blob = randomBlob(1000);
    files.answers.set(path, (_, response) => response.end(blob.data));
    const sri = `sha256-${createHash('sha256').update(blob.data).digest('base64')}`;
    return { blob, uri: url(path), checksum: { name: 'checksum.sri', value: sri } };
  }

  function url(path: string): string {
    return `https://localhost:${files.port}${path}`;
  }

  function asked(path: string): number {
    return files.requests.filter((request) => request.url === path).length;
  }

  test('gets the blob once, and remembers it for every URI that has its checksum', async () => {
    const { blob, uri, checksum } = onHost('/archive');
    const uris = [url('/mirror-without-it'), uri];
    const qualifiers = [checksum, { name: 'bazel.canonical_id', value: 'archive' }];
    const answer = await fetchBlob(push, uris, { qualifiers });
    assert.deepEqual(answer.blobDigest, blob.digest);
    assert.equal(answer.uri, uri);
    assert.deepEqual(await read(push, downloadName(blob)), Buffer.from(blob.data));
    for (const known of uris) {
      assert.deepEqual((await fetchBlob(pull, [known], { qualifiers })).blobDigest, blob.digest);
    }
    assert.equal(asked('/archive'), 1);
  });

  test('stores nothing for who may only pull', async () => {
    const { uri, checksum } = onHost('/not-pulled');
    assert.equal((await failure(fetchBlob(pull, [uri], { qualifiers: [checksum] }))).status, 'NOT_FOUND');
    assert.equal(asked('/not-pulled'), 0);
  });

  test('without a checksum believes a URI only of itself', async () => {
    const { blob, uri } = onHost('/unchecked');
    const other = url('/somebody-elses');
    assert.deepEqual((await fetchBlob(push, [uri, other])).blobDigest, blob.digest);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, blob.digest);
    assert.equal((await failure(fetchBlob(pull, [other]))).status, 'NOT_FOUND');
  });

  test('that takes credentials is remembered for those who know its checksum, and for nobody else', async () => {
    const { blob, uri, checksum } = onHost('/private');
    const credentials = { name: 'http_header_url:0:Authorization', value: 'Bearer secret' };
    const answer = await fetchBlob(push, [uri], { qualifiers: [credentials] });
    assert.deepEqual(answer.blobDigest, blob.digest);
    assert.deepEqual(answer.qualifiers, []);
    assert.equal(files.requests.at(-1)?.headers.authorization, 'Bearer secret');
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
    await fetchBlob(push, [uri], { qualifiers: [credentials, checksum] });
    assert.deepEqual((await fetchBlob(pull, [uri], { qualifiers: [checksum] })).blobDigest, blob.digest);
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
  });

  test('says why when it cannot be had', async () => {
    const { uri } = onHost('/changed');
    const { checksum } = onHost('/other');
    const changed = await failure(fetchBlob(push, [uri], { qualifiers: [checksum] }));
    assert.equal(changed.status, 'FAILED_PRECONDITION');
    assert.match(changed.message, /checksum/);
    const gone = await failure(fetchBlob(push, [url('/gone')]));
    assert.equal(gone.status, 'NOT_FOUND');
    assert.match(gone.message, /HTTP status 404/);
    const elsewhere = await failure(fetchBlob(push, ['https://localhost:1/file']));
    assert.equal(elsewhere.status, 'NOT_FOUND');
    assert.match(elsewhere.message, /FETCH_HOSTS/);
    const timeout = { seconds: 1n, nanos: 0 };
    files.answers.set('/silent', () => {});
    const late = await failure(fetchBlob(push, [url('/silent')], { timeout }));
    assert.equal(late.status, 'UNAVAILABLE');
    assert.match(late.message, /not done within 1 seconds/);
  });

  test('is fetched anew when what is here is older than the request accepts', async () => {
    const { blob, uri } = onHost('/renewed');
    await fetchBlob(push, [uri]);
    const newer = onHost('/renewed').blob;
    assert.deepEqual((await fetchBlob(push, [uri])).blobDigest, blob.digest);
    const oldestContentAccepted = { seconds: BigInt(Math.floor(Date.now() / 1000) + 60), nanos: 0 };
    assert.deepEqual((await fetchBlob(push, [uri], { oldestContentAccepted })).blobDigest, newer.digest);
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, newer.digest);
  });

  test('is only a name when a qualifier may mean something else than the file', async () => {
    const { uri } = onHost('/repository');
    const qualifiers = [{ name: 'vcs.commit', value: 'abc' }];
    assert.equal((await failure(fetchBlob(push, [uri], { qualifiers }))).status, 'NOT_FOUND');
    assert.equal(asked('/repository'), 0);
  });
});
