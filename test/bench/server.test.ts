import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { numberedBlob } from '../../bench/load/numbered-blobs.ts';
import type { TlsFront } from '../../bench/servers/server-kind.ts';
import { startServer, withClients } from '../../bench/servers/server.ts';
import { tlsPair } from '../../bench/servers/tls-pair.ts';
import { weir } from '../../bench/servers/weir.ts';
import { fillVolume } from '../../bench/works/filled-volume.ts';
import { storedBlobs } from '../../bench/works/stored-blobs.ts';
import { testWith } from '../support/real-parts.ts';
import { downloadName, findMissing, read } from '../support/wire.ts';

test('a server that is ended and started again has what it stored, and what it used is not forgotten', async (t) => {
  const server = await start(t);
  const [blob] = await storedBlobs(server, 1, 1000);
  assert.ok(blob !== undefined);
  const before = server.usage();
  await server.end();
  await assert.rejects(withClients(server, (clients) => read(clients, downloadName(blob))));
  assert.ok(server.usage().cpuSeconds >= before.cpuSeconds);
  await server.start();
  const data = await withClients(server, (clients) => read(clients, downloadName(blob)));
  assert.deepEqual(data, blob.data);
  const after = server.usage();
  assert.ok(after.cpuSeconds > before.cpuSeconds);
  assert.ok(after.peakBytes >= before.peakBytes);
  await server.stop();
  assert.deepEqual((await readdir(join(server.folder, '..'))).includes('weir'), false);
});

test('blobs that were put into the volume are there as if they had been uploaded', async (t) => {
  const server = await start(t);
  const said: string[] = [];
  await fillVolume(server, { count: 1001, bytes: 100 }, (what) => said.push(what));
  assert.deepEqual(said, ['0 of 1,001 blobs', '1,000 of 1,001 blobs', 'starts with all of them']);
  const blobs = Array.from({ length: 1001 }, (_, number) => numberedBlob(number, 100));
  await withClients(server, async (clients) => {
    assert.deepEqual(
      await findMissing(
        clients,
        blobs.map(({ digest }) => digest),
      ),
      [],
    );
    const [first = numberedBlob(0, 100)] = blobs;
    assert.deepEqual(await read(clients, downloadName(first)), first.data);
  });
});

testWith('nginx')('behind nginx, blobs are read through TLS and uploaded past it', async (t) => {
  const server = await start(t, async (folder) => ({ by: 'nginx', pair: await tlsPair(folder) }));
  assert.match(server.url, /^https:/);
  const [blob] = await storedBlobs(server, 1, 1000);
  assert.ok(blob !== undefined);
  const data = await withClients(server, (clients) => read(clients, downloadName(blob)));
  assert.deepEqual(data, blob.data);
});

/** Weir, for the length of a test. */
async function start(t: TestContext, frontIn?: (folder: string) => Promise<TlsFront>) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  const server = await startServer(weir, folder, await frontIn?.(folder));
  t.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  return server;
}
