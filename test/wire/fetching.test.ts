import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fetchRequest } from '../support/assets.ts';
import { type FileServer, startFileServer } from '../support/file-server.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, failure, read } from '../support/wire.ts';

void describe('FetchBlob of a web address', () => {
  let files: FileServer;
  let folder: string;
  let weir: Weir;
  let push: Clients;
  let pull: Clients;

  before(async () => {
    files = await startFileServer();
    folder = await mkdtemp(join(tmpdir(), 'weir-fetching-'));
    const authorities = join(folder, 'authorities.pem');
    await writeFile(authorities, files.authorities);
    weir = await startWeir({
      env: {
        FETCH_HOSTS: `127.0.0.1:${files.port}`,
        FETCH_PRIVATE_NETWORKS: '127.0.0.0/8',
        NODE_EXTRA_CA_CERTS: authorities,
      },
    });
    push = clientsAt(weir.pushAddress);
    pull = clientsAt(weir.pullAddress);
  });

  after(async () => {
    push.close();
    pull.close();
    await weir.stop();
    await files.close();
    await rm(folder, { recursive: true });
  });

  /** A file of its own at an address of its own. */
  function served(path: string) {
    const bytes = randomBytes(5000);
    files.answers.set(path, (_request, response) => response.end(bytes));
    const sri = (data: Uint8Array) => `sha256-${createHash('sha256').update(data).digest('base64')}`;
    return {
      bytes,
      uri: `https://127.0.0.1:${files.port}${path}`,
      checksum: { name: 'checksum.sri', value: sri(bytes) },
      wrong: { name: 'checksum.sri', value: sri(randomBytes(1)) },
      hash: createHash('sha256').update(bytes).digest('hex'),
      asked: () => files.requests.filter(({ url }) => url === path).length,
    };
  }

  void test('gets it on the push listener, once, and then answers everybody from the cache', async () => {
    const { uri, checksum, bytes, hash, asked } = served('/once');
    const request = fetchRequest([uri], { qualifiers: [checksum] });
    assert.equal((await failure(pull.assetFetch.fetchBlob(request))).status, 'NOT_FOUND');
    const { blobDigest, ...rest } = await push.assetFetch.fetchBlob(request);
    assert.equal(blobDigest?.hash, hash);
    assert.equal(rest.uri, uri);
    assert.deepEqual(rest.qualifiers, [checksum]);
    assert.deepEqual(await read(pull, `blobs/${hash}/5000`), bytes);
    assert.equal((await pull.assetFetch.fetchBlob(request)).blobDigest?.hash, hash);
    await push.assetFetch.fetchBlob(request);
    assert.equal(asked(), 1);
  });

  void test('finds what was got with headers again without asking, where its checksum is known', async () => {
    const { uri, checksum, hash, asked } = served('/headers');
    const header = { name: 'http_header:Authorization', value: 'Basic eDp5' };
    const request = fetchRequest([uri], { qualifiers: [checksum, header] });
    await push.assetFetch.fetchBlob(request);
    assert.equal(files.requests.at(-1)?.headers.authorization, 'Basic eDp5');
    assert.equal((await push.assetFetch.fetchBlob(request)).blobDigest?.hash, hash);
    assert.equal((await pull.assetFetch.fetchBlob(request)).blobDigest?.hash, hash);
    assert.equal(asked(), 1);
  });

  void test('keeps no name for what was got with headers and without a checksum', async () => {
    const { uri, hash, asked } = served('/secret');
    const header = { name: 'http_header:Authorization', value: 'Basic eDp5' };
    const request = fetchRequest([uri], { qualifiers: [header] });
    assert.equal((await push.assetFetch.fetchBlob(request)).blobDigest?.hash, hash);
    assert.equal((await failure(pull.assetFetch.fetchBlob(fetchRequest([uri], {})))).status, 'NOT_FOUND');
    await push.assetFetch.fetchBlob(request);
    assert.equal(asked(), 2);
  });

  void test('takes the second address where the first has nothing', async () => {
    const { uri, checksum } = served('/second');
    const nowhere = `https://127.0.0.1:${files.port}/nowhere`;
    const answer = await push.assetFetch.fetchBlob(fetchRequest([nowhere, uri], { qualifiers: [checksum] }));
    assert.equal(answer.uri, uri);
  });

  void test('refuses other bytes than the checksum says, and keeps nothing of them', async () => {
    const { uri, wrong, hash } = served('/wrong');
    const refused = await failure(push.assetFetch.fetchBlob(fetchRequest([uri], { qualifiers: [wrong] })));
    assert.equal(refused.status, 'FAILED_PRECONDITION');
    assert.equal((await failure(read(pull, `blobs/${hash}/5000`))).status, 'NOT_FOUND');
  });

  void test('goes to no host that is not listed, and gets no directory', async () => {
    const { uri, asked } = served('/elsewhere');
    const other = uri.replace('127.0.0.1', 'localhost');
    assert.equal((await failure(push.assetFetch.fetchBlob(fetchRequest([other], {})))).status, 'NOT_FOUND');
    assert.equal(
      (await failure(push.assetFetch.fetchDirectory(fetchRequest([uri], {})))).status,
      'NOT_FOUND',
    );
    assert.equal(asked(), 0);
  });

  void test('refuses a timeout that is negative', async () => {
    const { uri } = served('/late');
    const request = { ...fetchRequest([uri], {}), timeout: { seconds: -1n, nanos: 0 } };
    assert.equal((await failure(push.assetFetch.fetchBlob(request))).status, 'INVALID_ARGUMENT');
  });
});

void test('a server that nobody has told to fetch goes nowhere', async () => {
  const files = await startFileServer();
  const weir = await startWeir();
  const push = clientsAt(weir.pushAddress);
  try {
    const request = fetchRequest([`https://127.0.0.1:${files.port}/file`], {});
    assert.equal((await failure(push.assetFetch.fetchBlob(request))).status, 'NOT_FOUND');
    assert.equal(files.requests.length, 0);
  } finally {
    push.close();
    await weir.stop();
    await files.close();
  }
});
