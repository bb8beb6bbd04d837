import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Metadata, Status } from 'nice-grpc';
import type { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { testWith } from '../support/real-parts.ts';
import { mebibyte, startSite } from './site.ts';

const test = testWith('nginx');

function message(resourceName: string, data: Uint8Array, finishWrite = false): WriteRequest {
  return { resourceName, data, finishWrite, writeOffset: 0n };
}

test('an upload reaches weir byte by byte, while its client is still sending', async (t) => {
  const site = await startSite(t);
  async function* requests() {
    for (let sent = 1; sent <= 3; sent++) {
      yield message('blob', Buffer.from('.'));
      // With a buffer on the way this would wait for ever.
      await site.backend.received(sent);
    }
  }
  const client = await site.client('push', site.firstClient);
  assert.deepEqual(await client.write(requests()), { committedSize: 3n });
});

test('a download reaches its client byte by byte, while weir is still sending', async (t) => {
  const site = await startSite(t);
  const client = await site.client('pull');
  const ending = new AbortController();
  let arrived = 0;
  site.backend.allowRead();
  const stream = client.read(
    { resourceName: 'drip', readOffset: 0n, readLimit: 0n },
    { signal: ending.signal },
  );
  const drips = (async () => {
    for await (const { data } of stream) {
      arrived += data.length;
      if (arrived === 3) ending.abort();
      else site.backend.allowRead();
    }
  })();
  await assert.rejects(drips, { name: 'AbortError' });
  assert.equal(arrived, 3);
});

test('64 MiB go up and come down unchanged', async (t) => {
  const site = await startSite(t);
  const count = 64;
  async function* requests() {
    for (let index = 0; index < count; index++) yield message('blob', mebibyte(index), index === count - 1);
  }
  const pusher = await site.client('push', site.firstClient);
  const { committedSize } = await pusher.write(requests());
  assert.equal(committedSize, BigInt(count) * 1024n * 1024n);

  const expected = createHash('sha256');
  for (let index = 0; index < count; index++) expected.update(mebibyte(index));
  const received = createHash('sha256');
  const puller = await site.client('pull');
  for await (const { data } of puller.read({ resourceName: String(count), readOffset: 0n, readLimit: 0n }))
    received.update(data);
  assert.equal(received.digest('hex'), expected.digest('hex'));
});

test('an upload is answered with success before its client has sent everything', async (t) => {
  const site = await startSite(t);
  const client = await site.client('push', site.firstClient);
  let sent = 0;
  async function* requests() {
    // Far more than any window between here and there, so it cannot all have been sent when the answer comes.
    for (; sent < 256; sent++) yield message('early', mebibyte(sent));
  }
  for (let round = 0; round < 5; round++) {
    sent = 0;
    assert.deepEqual(await client.write(requests()), { committedSize: 1024n * 1024n });
    assert.ok(sent < 256, `${sent} messages were sent`);
  }
});

test('an upload refused before its client has sent everything ends with that refusal', async (t) => {
  const site = await startSite(t);
  const client = await site.client('push', site.firstClient);
  async function* requests() {
    for (let index = 0; index < 256; index++) yield message('full', mebibyte(index));
  }
  await assert.rejects(client.write(requests()), (error) => {
    assert.ok(error instanceof ClientError);
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED, error.message);
    assert.equal(error.details, 'disk full');
    return true;
  });
});

test('a large upload without a certificate ends with the refusal, not with a broken connection', async (t) => {
  const site = await startSite(t);
  const client = await site.client('push');
  async function* requests() {
    for (let index = 0; index < 64; index++) yield message('blob', mebibyte(index));
  }
  await assert.rejects(client.write(requests()), (error) => {
    assert.ok(error instanceof ClientError);
    assert.equal(error.code, Status.UNAUTHENTICATED, error.message);
    return true;
  });
});

test('metadata names with dots pass', async (t) => {
  const site = await startSite(t);
  const client = await site.client('pull');
  const name = 'build.bazel.remote.execution.v2.requestmetadata-bin';
  const metadata = Metadata({ [name]: Buffer.from([0, 1, 255]) });
  await client.queryWriteStatus({ resourceName: 'x' }, { metadata });
  assert.deepEqual(Buffer.from(site.backend.lastCall().metadata.get(name) ?? []), Buffer.from([0, 1, 255]));
});

for (const listener of ['pull', 'push'] as const) {
  test(`while weir is down the ${listener} port answers UNAVAILABLE, and then works again`, async (t) => {
    const site = await startSite(t);
    const client = await site.client(listener, site.firstClient);
    const ask = async () => await client.queryWriteStatus({ resourceName: 'x' });
    await ask();
    site.backend.stop();
    await assert.rejects(ask(), (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.code, Status.UNAVAILABLE, error.message);
      assert.match(error.details, /^The cache is not ready/);
      return true;
    });
    await site.backend.start();
    await ask();
  });
}

for (const listener of ['pull', 'push'] as const) {
  test(`a client that tries five times at once outlives a short restart of weir, on the ${listener} port`, async (t) => {
    const site = await startSite(t);
    const client = await site.client(listener, site.firstClient);
    const ask = async () => await client.queryWriteStatus({ resourceName: 'x' });
    await ask();
    site.backend.stop();
    const back = sleep(700).then(() => site.backend.start());
    const answers: string[] = [];
    for (let tries = 0; tries < 5 && answers.at(-1) !== 'OK'; tries += 1) {
      answers.push(
        await ask().then(
          () => 'OK',
          (error: ClientError) => Status[error.code],
        ),
      );
    }
    await back;
    assert.equal(answers.at(-1), 'OK', answers.join(' '));
  });
}

test('an upload that is cut with its server is not sent again without its beginning', async (t) => {
  const site = await startSite(t);
  const client = await site.client('push', site.firstClient);
  const before = site.backend.calls.length;
  async function* requests() {
    yield { resourceName: 'x', writeOffset: 0n, finishWrite: false, data: Buffer.alloc(1_000_000) };
    await site.backend.received(1_000_000);
    site.backend.stop();
    await site.backend.start();
    yield { resourceName: 'x', writeOffset: 1_000_000n, finishWrite: true, data: Buffer.alloc(1_000_000) };
  }
  await assert.rejects(client.write(requests()), (error) => {
    assert.ok(error instanceof ClientError);
    assert.equal(error.code, Status.UNAVAILABLE, error.message);
    return true;
  });
  assert.equal(site.backend.calls.length, before + 1);
});

test('an upload that finds weir away arrives whole once it is back', async (t) => {
  const site = await startSite(t);
  const client = await site.client('push', site.firstClient);
  await client.queryWriteStatus({ resourceName: 'x' });
  site.backend.stop();
  const back = sleep(700).then(() => site.backend.start());
  let committed: bigint | undefined;
  for (let tries = 0; tries < 5 && committed === undefined; tries += 1) {
    const requests = async function* () {
      for (let index = 0; index < 3; index += 1)
        yield await Promise.resolve(message('blob', mebibyte(index)));
    };
    committed = await client.write(requests()).then(
      ({ committedSize }) => committedSize,
      () => undefined,
    );
  }
  await back;
  assert.equal(committed, 3n * 1024n * 1024n);
});
