import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rm } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { printed, printedJson, weirBinary, weirCommand } from '../support/command.ts';
import { testWith } from '../support/real-parts.ts';
import { onTerminal } from '../support/terminal.ts';
import { eventually } from '../support/eventually.ts';
import { knownVolume } from '../support/known-volume.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, downloadName, findMissing, putBatch, randomBlob, read } from '../support/wire.ts';

interface Status {
  readonly health: 'well' | 'warning' | 'wrong';
  readonly isReady?: boolean;
  readonly error?: string;
  readonly findings: { level: string; sentence: string }[];
  readonly lookups: Record<string, { hits: number; misses: number }>;
  readonly volume: { sizeBytes?: number; freeBytes?: number; writable?: boolean };
  readonly quota?: { limitBytes: number };
  readonly brokenPromises?: number;
  readonly certificates: { name: string; expiresAt: string }[];
}

void test('status says of a server that is well that it is, with its hits, its volume and its quota', async (t) => {
  const weir = await startWeir({ env: { QUOTA: '1e9' } });
  const clients = clientsAt(weir.pushAddress);
  t.after(async () => {
    clients.close();
    await weir.stop();
  });
  const [here, gone] = [randomBlob(100), randomBlob(100)];
  await putBatch(clients, [here]);
  await findMissing(clients, [here.digest, gone.digest, here.digest]);
  const status = JSON.parse(await toldInTime(0, '--url', weir.opsUrl, '--json')) as Status;
  assert.deepEqual([status.health, status.isReady, status.findings], ['well', true, []]);
  const { hits, misses } = status.lookups['blob'] ?? {};
  assert.ok(hits !== undefined && hits >= 1 && misses === 1, JSON.stringify(status.lookups));
  assert.ok((status.volume.sizeBytes ?? 0) > (status.volume.freeBytes ?? 0));
  assert.equal(status.quota?.limitBytes, 1e9);
  assert.equal(status.brokenPromises, 0);
  const out = await toldInTime(0, '--url', `${weir.opsUrl}/`);
  assert.match(out, /: well\n/);
  assert.match(out, /hits, blob: \d+(\.\d)?% of \d+ lookups/);
});

void test('status calls a broken promise wrong', async (t) => {
  const weir = await startWeir();
  const clients = clientsAt(weir.pushAddress);
  t.after(async () => {
    clients.close();
    await weir.stop();
  });
  const blob = randomBlob(100);
  await putBatch(clients, [blob]);
  await rm(blobFile(weir.volume, blob));
  await assert.rejects(read(clients, downloadName(blob)));
  const out = await toldInTime(1, '--url', weir.opsUrl);
  assert.match(out, /: wrong\n {2}wrong: 1 promise broken/);
});

/** What it prints once it ends with this code: a volume that is slow to answer is told as such, and is for the moment. */
async function toldInTime(code: number, ...args: string[]): Promise<string> {
  let out = '';
  await eventually(async () => {
    const ended = await weirCommand('status', ...args);
    out = ended.out;
    return ended.code === code && !out.includes('did not answer in time') && !out.includes('no answer from');
  });
  return out;
}

/** Something that answers as an operations port does, of any version. */
async function opsPort(
  t: TestContext,
  readyz: [status: number, text: string],
  metrics: [status: number, text: string],
) {
  const server = createServer((request, response) => {
    const [status, text] = request.url === '/readyz' ? readyz : metrics;
    response.writeHead(status).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

void test('status says why a server is not ready, and gets along with one that has no metrics that it knows', async (t) => {
  const notReady = await opsPort(t, [503, 'not ready\nthe volume is gone\n'], [200, 'something_else 1\n']);
  const { health, findings, volume } = await printedJson<Status>(1, 'status', '--url', notReady);
  assert.deepEqual([health, volume], ['wrong', {}]);
  assert.deepEqual(
    findings.map(({ sentence }) => sentence),
    ['it is not ready: the volume is gone'],
  );
  const bare = await opsPort(t, [200, 'ready\n'], [404, 'nothing']);
  const warned = await printedJson<Status>(3, 'status', '--url', bare);
  assert.deepEqual(
    warned.findings.map(({ sentence }) => sentence),
    ['/metrics answers 404'],
  );
  assert.match(await printed(3, 'status', '--url', bare), /volume: unknown free of unknown/);
});

void test('status warns of short retention, lost room, set aside blobs and certificates that end soon', async (t) => {
  const inDays = (days: number) => Math.floor(Date.now() / 1000) + days * 86_400;
  const metrics = [
    'weir_volume_answers 1',
    'weir_volume_writable 1',
    'weir_eviction_age_seconds 7200',
    'weir_refused_uploads_total 3',
    'weir_eviction_passes_total{outcome="enough"} 9',
    'weir_eviction_passes_total{outcome="short"} 1',
    'weir_quarantined_blobs_total 2',
    'weir_volume_inodes 1000',
    'weir_volume_free_inodes 10',
    `weir_certificate_expiry_timestamp_seconds{kind="server",name="weir.example"} ${inDays(5)}`,
    `weir_certificate_expiry_timestamp_seconds{kind="client",name="the \\"old\\" one"} ${inDays(-2)}`,
    `weir_certificate_expiry_timestamp_seconds{kind="client",name="new"} ${inDays(300)}`,
    // Such a list is made for a week: that one of them is left is as it should be.
    `weir_certificate_expiry_timestamp_seconds{kind="crl",name="ours"} ${inDays(7)}`,
    `weir_certificate_expiry_timestamp_seconds{kind="crl",name="theirs"} ${inDays(-1)}`,
    `weir_certificate_expiry_timestamp_seconds{kind="authority",name="theirs"} ${inDays(10)}`,
  ].join('\n');
  const url = await opsPort(t, [200, 'ready\n'], [200, metrics]);
  const { findings, certificates } = await printedJson<Status>(3, 'status', '--url', url);
  const said = findings.map(({ sentence }) => sentence).join('\n');
  for (const wanted of [
    /3 uploads refused/,
    /less room than wanted 1 time:/,
    /used only 2 h before/,
    /few inodes/,
    /2 blobs set aside/,
    /server certificate "weir\.example" expires in 4 d/,
    /client certificate "the \\"old\\" one" expired 2 d ago/,
    /list of revoked certificates of the authority "theirs" expired 1 d ago/,
    /authority's certificate "theirs" expires in 9 d/,
  ])
    assert.match(said, wanted);
  assert.equal(findings.length, 9);
  assert.equal(certificates.length, 6);
});

void test('no answer is told as such, and an address that is none is a usage error', async (t) => {
  const url = await opsPort(t, [200, ''], [200, '']);
  const nobody = `http://127.0.0.1:1`;
  const { code, err } = await weirCommand('status', '--url', nobody);
  assert.equal(code, 1);
  assert.match(err, /no answer from http:\/\/127\.0\.0\.1:1: .*does a server run there/);
  const told = await printedJson<Status>(1, 'status', '--url', nobody);
  assert.match(told.error ?? '', /no answer/);
  assert.equal((await weirCommand('status', '--url', url.replace('http://', ''))).code, 2);
});

testWith('script')('on a terminal a long look shows how far it is, and elsewhere it does not', async (t) => {
  const { volume } = await knownVolume(t);
  const terminal = onTerminal(t, `'${process.execPath}' '${weirBinary}' du --volume '${volume}'`);
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.text(), /\d+ records?, \d+ blobs?/);
  assert.doesNotMatch(await printed(0, 'du', '--volume', volume), /\r/);
});
