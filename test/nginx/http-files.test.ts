// Large blobs that nginx sends by itself.
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { testWith } from '../support/real-parts.ts';
import { scraped } from '../support/scraped.ts';
import { type Blob, randomBlob } from '../support/wire.ts';
import { cas, put, putAndRead, startSite } from './cache-site.ts';

const test = testWith('nginx');
const mebibyte = 1024 * 1024;
const large = 5 * mebibyte;

test('a large blob that weir has verified is sent by nginx, and counted by weir', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(large);
  await put(site, blob);
  const sent = async () => await scraped(site.weir.opsUrl, 'weir_sent_bytes_total');
  assert.deepEqual((await site.ask('GET', 'pull', cas(blob))).body, Buffer.from(blob.data));
  assert.equal((await site.logged(cas(blob))).file, '', 'weir looks at its bytes the first time');
  assert.equal(await sent(), large);
  const { status, headers, body } = await site.ask('GET', 'pull', `${cas(blob)}?again`);
  assert.deepEqual([status, headers['content-length']], [200, String(large)]);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers.etag, `"${blob.digest.hash}"`);
  assert.equal(headers['x-accel-redirect'], undefined);
  assert.deepEqual(body, Buffer.from(blob.data));
  const hash = blob.digest.hash;
  const { file } = await site.logged(`${cas(blob)}?again`);
  assert.equal(file, `/weir-volume/cas/objects/${hash.slice(0, 2)}/${hash.slice(2)}`);
  assert.equal(await sent(), 2 * large);
});

test('parts of a large blob are sent by nginx too', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(large);
  await put(site, blob);
  const ranges: [string, number, number][] = [
    ['bytes=0-9', 0, 10],
    [`bytes=${mebibyte}-${3 * mebibyte}`, mebibyte, 3 * mebibyte + 1],
    ['bytes=-5', large - 5, large],
  ];
  for (const [index, [range, start, end]] of ranges.entries()) {
    const path = `${cas(blob)}?${index}`;
    const { status, headers, body } = await site.ask('GET', 'pull', path, { headers: { range } });
    assert.equal(status, 206, range);
    assert.equal(headers['content-range'], `bytes ${start}-${end - 1}/${large}`);
    assert.deepEqual(body, Buffer.from(blob.data.subarray(start, end)));
    assert.notEqual((await site.logged(path)).file, '');
  }
  const behind = await site.ask('GET', 'pull', cas(blob), { headers: { range: `bytes=${large}-` } });
  assert.deepEqual([behind.status, behind.headers['content-range']], [416, `bytes */${large}`]);
  const several = await site.ask('GET', 'pull', cas(blob), { headers: { range: 'bytes=0-1,5-6' } });
  assert.deepEqual([several.status, several.body.length], [200, large]);
});

test('nginx asks weir for the bytes where it cannot read the file', async (t) => {
  const site = await startSite(t, { withVolume: false });
  const blob = randomBlob(large);
  await putAndRead(site, blob);
  const { status, body } = await site.ask('GET', 'pull', `/a/b${cas(blob)}?again`);
  assert.equal(status, 200);
  assert.deepEqual(body, Buffer.from(blob.data));
  const part = await site.ask('GET', 'push', cas(blob), { headers: { range: 'bytes=3-4' } });
  assert.deepEqual([part.status, part.body], [206, Buffer.from(blob.data.subarray(3, 5))]);
});

test('weir sends a file itself that its owner alone may read, as the reference server leaves them', async (t) => {
  const site = await startSite(t);
  const { weir } = site;
  const [closed, inClosedFolder] = [randomBlob(large), randomBlob(large)];
  const folderOf = ({ digest }: Blob) => join(weir.volume, 'cas', 'objects', digest.hash.slice(0, 2));
  for (const blob of [closed, inClosedFolder]) await putAndRead(site, blob);
  await chmod(join(folderOf(closed), closed.digest.hash.slice(2)), 0o600);
  await chmod(folderOf(inClosedFolder), 0o700);
  for (const blob of [closed, inClosedFolder]) {
    const path = `${cas(blob)}?again`;
    assert.deepEqual((await site.ask('GET', 'pull', path)).body, Buffer.from(blob.data));
    assert.equal((await site.logged(path)).file, '');
  }
});

test('nobody gets at the volume but by the hash of a blob', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(large);
  await putAndRead(site, blob);
  const hash = blob.digest.hash;
  const file = `cas/objects/${hash.slice(0, 2)}/${hash.slice(2)}`;
  const paths = [
    `/weir-volume/${file}`,
    `//weir-volume/${file}`,
    `/weir-volume/../weir-volume/${file}`,
    `/cas/..%2f..%2f${file}`,
    '/weir-volume/weir/version',
    '/weir-volume/../../../../../../etc/passwd',
  ];
  for (const listener of ['pull', 'push'] as const) {
    for (const path of paths) {
      const { status, body } = await site.ask('GET', listener, '', { path });
      assert.ok([400, 404, 415].includes(status), `${path}: ${status}`);
      assert.ok(body.length < 1000);
    }
  }
  const headers = { 'x-weir-accel': '/elsewhere/', 'X-Accel-Redirect': `/weir-volume/${file}` };
  const spoofed = await site.ask('GET', 'pull', cas(blob), { headers });
  assert.deepEqual([spoofed.status, spoofed.body.length], [200, large]);
});

test('HTTP/2 clients get the same: a large blob from nginx, and zstd when they ask', async (t) => {
  const site = await startSite(t);
  const blob = randomBlob(large);
  await putAndRead(site, blob);
  const session = connect(`https://localhost:${site.nginx.pullPort}`, { ca: site.trusted });
  t.after(() => session.destroy());
  const got = async (path: string, headers: Record<string, string>) => {
    const stream = session.request({ ':path': path, ...headers });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  };
  assert.deepEqual(await got(`${cas(blob)}?h2`, {}), Buffer.from(blob.data));
  assert.notEqual((await site.logged(`${cas(blob)}?h2`)).file, '');
  const zstd = await got(cas(blob), { 'accept-encoding': 'zstd' });
  assert.deepEqual(zstdDecompressSync(zstd), Buffer.from(blob.data));
});
