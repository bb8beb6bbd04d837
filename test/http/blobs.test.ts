import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, served } from '../support/served.ts';
import { type Blob, blobOf, downloadName, findMissing, putBatch, randomBlob, read } from '../support/wire.ts';

const mebibyte = 1024 * 1024;

void describe('blobs over HTTP', () => {
  let site: Served;
  served((it) => (site = it), { tcp: true, http: true });

  const pull = (path: string) => site.weir.pullUrl + path;
  const push = (path: string) => site.weir.pushUrl + path;
  const cas = ({ digest }: Blob) => `/cas/${digest.hash}`;

  async function put(blob: Blob): Promise<void> {
    assert.equal((await ask('PUT', push(cas(blob)), { body: blob.data })).status, 200);
  }

  test('what is put over HTTP comes back over HTTP and gRPC', async () => {
    for (const blob of [randomBlob(10), randomBlob(3 * mebibyte + 1)]) {
      await put(blob);
      const { status, headers, body } = await ask('GET', pull(cas(blob)));
      assert.equal(status, 200);
      assert.equal(headers['content-length'], String(blob.data.length));
      assert.equal(headers['content-type'], 'application/octet-stream');
      assert.deepEqual(body, Buffer.from(blob.data));
      assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
    }
  });

  test('what was uploaded over gRPC is there over HTTP, by each listener', async () => {
    const blob = randomBlob(1000);
    await putBatch(site.push, [blob]);
    for (const url of [pull(cas(blob)), push(cas(blob))])
      assert.deepEqual((await ask('GET', url)).body, Buffer.from(blob.data));
  });

  test('HEAD says how large a blob is, without its bytes', async () => {
    const blob = randomBlob(5000);
    await put(blob);
    const { status, headers, body } = await ask('HEAD', pull(cas(blob)));
    assert.deepEqual([status, headers['content-length'], body.length], [200, '5000', 0]);
  });

  test('an absent blob is 404 with a sentence, for GET and HEAD', async () => {
    const blob = randomBlob(10);
    const got = await ask('GET', pull(cas(blob)));
    assert.equal(got.status, 404);
    assert.match(got.body.toString(), /the blob \w+ is not here/);
    assert.equal((await ask('HEAD', pull(cas(blob)))).status, 404);
  });

  test('the empty blob is always there', async () => {
    const { status, body } = await ask('GET', pull(cas(blobOf(''))));
    assert.deepEqual([status, body.length], [200, 0]);
    assert.equal((await ask('PUT', push(cas(blobOf(''))))).status, 200);
  });

  test('instances share blobs; a path in front of /cas is the name of one', async () => {
    const blob = randomBlob(100);
    assert.equal((await ask('PUT', push(`/team/main${cas(blob)}`), { body: blob.data })).status, 200);
    for (const prefix of ['', '/team/main', '/cas', '/with%20space'])
      assert.equal((await ask('GET', pull(prefix + cas(blob)))).status, 200, prefix);
  });

  test('hashes of other functions are told by their length, and BLAKE3 by its name', async () => {
    const data = randomBytes(2000);
    for (const name of ['sha1', 'sha384', 'sha512']) {
      const path = `/cas/${createHash(name).update(data).digest('hex')}`;
      assert.equal((await ask('PUT', push(path), { body: data })).status, 200, name);
      assert.deepEqual((await ask('GET', pull(path))).body, data);
    }
    // Of the empty input, from BLAKE3's own test vectors.
    const blake3 = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
    assert.equal((await ask('GET', pull(`/cas/blake3/${blake3}`))).status, 200);
    assert.equal((await ask('GET', pull(`/cas/${blake3}`))).status, 404);
    assert.equal((await ask('PUT', push(`/cas/blake3/${blake3}`), { body: Buffer.from('x') })).status, 400);
  });

  test('bytes that are not the ones named are 400 and are not stored', async () => {
    const blob = randomBlob(100);
    const bodies: [Buffer, Record<string, string>][] = [
      [randomBytes(100), {}],
      [randomBytes(5), { 'transfer-encoding': 'chunked' }],
      [zstdCompressSync(randomBytes(5)), { 'content-encoding': 'zstd' }],
      [Buffer.from('no zstd at all'), { 'content-encoding': 'zstd' }],
    ];
    for (const [body, headers] of bodies) {
      const answer = await ask('PUT', push(cas(blob)), { body, headers });
      assert.equal(answer.status, 400, JSON.stringify(headers));
      assert.match(answer.body.toString(), /nothing was stored/);
    }
    assert.deepEqual(await findMissing(site.pull, [blob.digest]), [blob.digest.hash]);
    await eventually(async () => (await readdir(join(site.weir.volume, 'tmp'))).length === 0);
  });

  test('a body without a length is taken in chunks', async () => {
    const blob = randomBlob(2 * mebibyte);
    const headers = { 'transfer-encoding': 'chunked' };
    assert.equal((await ask('PUT', push(cas(blob)), { body: blob.data, headers })).status, 200);
    assert.deepEqual((await ask('GET', pull(cas(blob)))).body, Buffer.from(blob.data));
    assert.equal((await ask('PUT', push(cas(blob)), { body: blob.data, headers })).status, 200);
  });

  test('zstd is taken and, to those who ask for it, given', async () => {
    const blob = blobOf(Buffer.alloc(3 * mebibyte, 'weir '));
    const compressed = zstdCompressSync(blob.data);
    const headers = { 'content-encoding': 'zstd' };
    assert.equal((await ask('PUT', push(cas(blob)), { body: compressed, headers })).status, 200);
    const plain = await ask('GET', pull(cas(blob)));
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.deepEqual(plain.body, Buffer.from(blob.data));
    const given = await ask('GET', pull(cas(blob)), { headers: { 'accept-encoding': 'gzip, zstd;q=0.5' } });
    assert.equal(given.headers['content-encoding'], 'zstd');
    assert.ok(given.body.length < mebibyte);
    assert.deepEqual(zstdDecompressSync(given.body), Buffer.from(blob.data));
    const refused = await ask('GET', pull(cas(blob)), { headers: { 'accept-encoding': 'zstd;q=0, *' } });
    assert.equal(refused.headers['content-encoding'], undefined);
  });

  test('a content encoding that nobody knows here is 415, with those that are known', async () => {
    const blob = randomBlob(10);
    const headers = { 'content-encoding': 'br' };
    const answer = await ask('PUT', push(cas(blob)), { body: blob.data, headers });
    assert.deepEqual([answer.status, answer.headers['accept-encoding']], [415, 'zstd, identity']);
  });

  test('ranges are given as RFC 9110 says', async () => {
    const blob = randomBlob(2 * mebibyte);
    await put(blob);
    const size = blob.data.length;
    const ranges: [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      [`bytes=${size - 5}-`, size - 5, size],
      ['bytes=-7', size - 7, size],
      [`bytes=5-${size + 100}`, 5, size],
      [`bytes=-${size + 100}`, 0, size],
    ];
    for (const [range, start, end] of ranges) {
      const { status, headers, body } = await ask('GET', pull(cas(blob)), { headers: { range } });
      assert.equal(status, 206, range);
      assert.equal(headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
      assert.deepEqual(body, Buffer.from(blob.data.subarray(start, end)), range);
    }
    for (const range of [`bytes=${size}-`, 'bytes=-0']) {
      const { status, headers } = await ask('GET', pull(cas(blob)), { headers: { range } });
      assert.deepEqual([status, headers['content-range']], [416, `bytes */${size}`], range);
    }
    for (const range of ['lines=1-2', 'bytes=5-2', 'bytes=0-1,5-6', 'bytes=', 'nonsense']) {
      const { status, body } = await ask('GET', pull(cas(blob)), { headers: { range } });
      assert.deepEqual([status, body.length], [200, size], range);
    }
  });

  test('If-Range gives a part to those who have the same blob, and all of it to others', async () => {
    const blob = randomBlob(1000);
    await put(blob);
    const etag = (await ask('HEAD', pull(cas(blob)))).headers.etag ?? '';
    const asked = async (ifRange: string) =>
      await ask('GET', pull(cas(blob)), { headers: { range: 'bytes=1-2', 'if-range': ifRange } });
    assert.equal((await asked(etag)).status, 206);
    assert.equal((await asked('"another"')).status, 200);
  });

  test('a damaged blob is 404 for HEAD and for a part of it, and never delivered whole', async () => {
    for (const size of [1000, 3 * mebibyte]) {
      const blob = randomBlob(size);
      await put(blob);
      const { hash } = blob.digest;
      const path = join(site.weir.volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
      const bytes = await readFile(path);
      bytes.writeUInt8(bytes.readUInt8(size - 1) ^ 1, size - 1);
      await writeFile(path, bytes);
      await assert.rejects(async () => {
        const { status } = await ask('GET', pull(cas(blob)));
        if (status !== 200) throw new Error(String(status));
      });
      assert.equal((await ask('HEAD', pull(cas(blob)))).status, 404);
      const headers = { range: 'bytes=0-9' };
      assert.equal((await ask('GET', pull(cas(blob)), { headers })).status, 404);
      // The scrubber sets it aside; then an upload heals it.
      await eventually(async () => (await findMissing(site.pull, [blob.digest])).length === 1);
      await put(blob);
      assert.deepEqual((await ask('GET', pull(cas(blob)))).body, Buffer.from(blob.data));
    }
  });

  test('a truncated blob is healed by the next PUT', async () => {
    const blob = randomBlob(500);
    await put(blob);
    const { hash } = blob.digest;
    await writeFile(join(site.weir.volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2)), 'short');
    await put(blob);
    assert.deepEqual((await ask('GET', pull(cas(blob)))).body, Buffer.from(blob.data));
  });

  test('bytes and lookups are counted', async () => {
    const blob = randomBlob(4321);
    const count = async (name: string) => await scraped(site.weir.opsUrl, name);
    const [received, sent, requests] = [
      await count('weir_received_bytes_total'),
      await count('weir_sent_bytes_total'),
      await count('weir_http_requests_total'),
    ];
    await put(blob);
    await ask('GET', pull(cas(blob)));
    await eventually(async () => (await count('weir_http_requests_total')) === requests + 2);
    assert.equal(await count('weir_received_bytes_total'), received + 4321);
    assert.equal(await count('weir_sent_bytes_total'), sent + 4321);
  });
});
