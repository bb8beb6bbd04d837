import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask, gradleKey } from '../support/http-cache.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, served } from '../support/served.ts';
import { startWeir, type Weir, type WeirOptions } from '../support/weir.ts';
import { type Blob, findMissing, randomBlob } from '../support/wire.ts';

const cas = ({ digest }: Blob) => `/cas/${digest.hash}`;

/** A connection on which a test writes what it wants. */
async function rawConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the text matches. */
async function readUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let seen = '';
  while (!pattern.test(seen)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    seen += chunk.toString('latin1');
  }
  return seen;
}

/** Resolves when the kernel has it. */
async function sent(socket: Socket, data: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

async function started(t: TestContext, options: WeirOptions = {}): Promise<Weir> {
  const weir = await startWeir({ tcp: true, http: true, ...options });
  t.after(async () => await weir.stop());
  return weir;
}

void describe('the HTTP cache protocol', () => {
  let site: Served;
  served((it) => (site = it), { tcp: true, http: true, env: { LOG_LEVEL: 'debug' } });

  test('a PUT on the pull listener is 403 with a sentence and stores nothing', async () => {
    const blob = randomBlob(100);
    for (const path of [cas(blob), `/ac/${gradleKey()}`]) {
      const { status, body } = await ask('PUT', site.weir.pullUrl + path, { body: blob.data });
      assert.equal(status, 403);
      assert.match(body.toString(), /for pulling only; to push, use port 11002/);
    }
    assert.equal((await findMissing(site.pull, [blob.digest])).length, 1);
  });

  test('no header makes a pull listener take a PUT', async () => {
    const blob = randomBlob(100);
    const headers = {
      'x-weir-client-fingerprint': 'f'.repeat(64),
      'x-forwarded-for': '127.0.0.1',
      'x-http-method-override': 'PUT',
      authorization: 'Bearer x',
    };
    const put = await ask('PUT', site.weir.pullUrl + cas(blob), { body: blob.data, headers });
    assert.equal(put.status, 403);
    await ask('GET', site.weir.pullUrl + cas(blob), { body: blob.data, headers });
    assert.equal((await findMissing(site.pull, [blob.digest])).length, 1);
  });

  test('on a port that anybody reaches, nobody is believed to be the proxy', async () => {
    const blob = randomBlob(2 * 1024 * 1024);
    await ask('PUT', site.weir.pushUrl + cas(blob), { body: blob.data });
    for (let round = 0; round < 2; round++) {
      const { headers, body } = await ask('GET', site.weir.pullUrl + cas(blob), {
        headers: { 'x-weir-accel': '/weir-volume/' },
      });
      assert.equal(headers['x-accel-redirect'], undefined);
      assert.deepEqual(body, Buffer.from(blob.data));
    }
  });

  test('other methods are 405 and say which there are', async () => {
    for (const method of ['POST', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND']) {
      const { status, headers } = await ask(method, site.weir.pushUrl + cas(randomBlob(1)));
      assert.deepEqual([status, headers.allow], [405, 'GET, HEAD, PUT'], method);
    }
  });

  test('paths that name nothing are 404, hashes and names that cannot be are 400', async () => {
    const hash = randomBlob(1).digest.hash;
    const paths: [number, string[]][] = [
      [404, ['/', '/cas', `/${hash}`, `/cas/md5/${hash}`, `/cas/${hash}/5`, '/metrics', `/CAS/${hash}`]],
      [400, ['/cas/', '/cas/x', `/cas/${hash.toUpperCase().replace(/^./, 'A')}`, `/cas/${hash.slice(1)}`]],
      [
        400,
        [`/blobs/cas/${hash}`, `/a//cas/${hash}`, `/../cas/${hash}`, `/a/%2e%2e/cas/${hash}`, '/%/cas/x'],
      ],
      [400, [`/cas/sha1/${hash}`, '/cas/..%2f..%2fetc%2fpasswd', `/${'x'.repeat(300)}/cas/${hash}`]],
    ];
    for (const [expected, some] of paths) {
      for (const path of some) {
        const { port } = new URL(site.weir.pushUrl);
        const { status, body } = await ask('GET', 'http://127.0.0.1', { port, path });
        assert.equal(status, expected, path);
        assert.doesNotMatch(body.toString(), /\/tmp\/|objects/);
      }
    }
  });

  test('a body is asked for only when it is wanted', async () => {
    const wanted = randomBlob(1000);
    const headersOf = (blob: Blob) =>
      `PUT ${cas(blob)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n`;
    const socket = await rawConnection(site.weir.pushUrl);
    socket.write(headersOf(wanted));
    assert.match(await readUntil(socket, /\r\n\r\n/), /^HTTP\/1\.1 100 /);
    socket.write(wanted.data);
    assert.match(await readUntil(socket, /\r\n\r\n/), /^HTTP\/1\.1 200 /);
    socket.destroy();

    const cases: [string, Blob, RegExp][] = [
      [site.weir.pushUrl, wanted, /^HTTP\/1\.1 200 [^]*connection: close/i],
      [site.weir.pullUrl, randomBlob(1000), /^HTTP\/1\.1 403 [^]*connection: close/i],
    ];
    for (const [url, blob, expected] of cases) {
      const unasked = await rawConnection(url);
      unasked.write(headersOf(blob));
      assert.match(await readUntil(unasked, /\r\n\r\n/), expected);
      unasked.destroy();
    }
  });

  test('a client that still sends gets its answer, also on a connection that ends with it', async () => {
    const { data } = randomBlob(4_000_000);
    const socket = await rawConnection(site.weir.pullUrl);
    socket.write(
      `PUT /cas/${'0'.repeat(64)} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\ncontent-length: ${data.length}\r\n\r\n`,
    );
    const [answer] = await Promise.all([readUntil(socket, /\n\n?$/), sent(socket, data.subarray(0, 1000))]);
    assert.match(answer, /^HTTP\/1.1 403 /);
    // It would be an error of the connection if the server had left.
    await sent(socket, data.subarray(1000));
    await once(socket, 'end');
    socket.destroy();
  });

  test('requests may follow one another without waiting for answers, which come in their order', async () => {
    const [here, blob] = [randomBlob(64), randomBlob(64)];
    await ask('PUT', site.weir.pushUrl + cas(here), { body: here.data });
    const socket = await rawConnection(site.weir.pushUrl);
    const put = `PUT ${cas(blob)} HTTP/1.1\r\nHost: x\r\nContent-Length: 64\r\n\r\n`;
    const rest = `HEAD ${cas(here)} HTTP/1.1\r\nHost: x\r\n\r\nGET /ac/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(put), blob.data, Buffer.from(rest)]));
    const answers = await text(socket);
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404']);
  });

  test('an upload that breaks off leaves nothing behind', async () => {
    const blob = randomBlob(100_000);
    const socket = await rawConnection(site.weir.pushUrl);
    socket.write(`PUT ${cas(blob)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
    socket.write(blob.data.subarray(0, 70_000));
    const temporary = async () => await readdir(join(site.weir.volume, 'tmp'));
    await eventually(async () => (await temporary()).length > 0);
    socket.destroy();
    await eventually(async () => (await temporary()).length === 0);
    await eventually(async () => (await scraped(site.weir.opsUrl, 'weir_calls_in_flight')) === 0);
    assert.equal((await findMissing(site.pull, [blob.digest])).length, 1);
  });

  test('headers without end are 431, and what is no HTTP is 400', async () => {
    const long = await ask('GET', `${site.weir.pullUrl}/ac/x`, { headers: { x: 'y'.repeat(20_000) } });
    assert.equal(long.status, 431);
    const socket = await rawConnection(site.weir.pullUrl);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    assert.match(await text(socket), /^HTTP\/1\.1 400 /);
  });

  test('a call is a line of the log at debug, with the tool', async () => {
    const key = gradleKey();
    await ask('GET', `${site.weir.pullUrl}/ac/${key}`, { headers: { 'user-agent': 'Gradle/9.9' } });
    await eventually(() => site.weir.output().includes(key));
    const line = site.weir
      .output()
      .split('\n')
      .find((candidate) => candidate.includes(key));
    const entry = JSON.parse(line ?? '{}') as Record<string, unknown>;
    assert.equal(entry['method'], 'HTTP GET');
    assert.equal(entry['listener'], 'pull');
    assert.equal(entry['status'], 404);
    assert.equal(entry['tool'], 'Gradle/9.9');
  });
});

test('a full volume answers PUT with 507 and the numbers, and goes on reading', async (t) => {
  const weir = await started(t, { env: { HEAD_ROOM_MIN: '1e18', HEAD_ROOM_MAX: '1e18' } });
  const blob = randomBlob(100);
  const answer = await ask('PUT', weir.pushUrl + cas(blob), { body: blob.data });
  assert.equal(answer.status, 507);
  assert.match(answer.body.toString(), /bytes/);
  const value = await ask('PUT', `${weir.pushUrl}/ac/${gradleKey()}`, { body: blob.data });
  assert.equal(value.status, 507);
  assert.equal((await ask('GET', weir.pullUrl + cas(blob))).status, 404);
});

test('an upload that stalls is ended, and leaves nothing behind', async (t) => {
  const weir = await started(t, { env: { HTTP_IDLE_SECONDS: '1' } });
  const socket = await rawConnection(weir.pushUrl);
  socket.write(`PUT ${cas(randomBlob(9))} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc`);
  // The other end is what ends it.
  await text(socket).catch(() => '');
  await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 0);
  await eventually(async () => (await scraped(weir.opsUrl, 'weir_calls_in_flight')) === 0);
});

test('a stop lets an upload end and takes no new ones', async () => {
  const weir = await startWeir({ tcp: true, http: true });
  const blob = randomBlob(1000);
  const socket = await rawConnection(weir.pushUrl);
  socket.write(`PUT ${cas(blob)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`);
  socket.write(blob.data.subarray(0, 500));
  await eventually(async () => (await scraped(weir.opsUrl, 'weir_calls_in_flight')) === 1);
  const stopped = weir.stop();
  await eventually(
    async () => (await ask('GET', `${weir.pullUrl}/ac/x`).catch(() => 'refused')) === 'refused',
  );
  const answer = readUntil(socket, /\r\n\r\n/);
  socket.write(blob.data.subarray(500));
  assert.match(await answer, /^HTTP\/1\.1 200 /);
  assert.equal(await stopped, 0);
});

test('a stop cuts an upload that does not end in time', async () => {
  const weir = await startWeir({ tcp: true, http: true, env: { DRAIN_SECONDS: '1' } });
  const socket = await rawConnection(weir.pushUrl);
  socket.on('error', () => {});
  socket.write(`PUT ${cas(randomBlob(9))} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc`);
  await eventually(async () => (await scraped(weir.opsUrl, 'weir_calls_in_flight')) === 1);
  assert.equal(await weir.stop(), 0);
});

test('a socket that a killed server left behind is taken over', async (t) => {
  const first = await startWeir({ http: true });
  await first.kill();
  const second = await startWeir({ http: true, socketsDir: first.socketsDir });
  t.after(async () => {
    await second.stop();
    await first.stop();
  });
  const socketPath = join(second.socketsDir, 'pull-http.sock');
  assert.equal((await ask('GET', 'http://weir/ac/x', { socketPath })).status, 404);
});
