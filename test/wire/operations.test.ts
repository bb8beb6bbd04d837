import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { served } from '../support/served.ts';
import { eventually } from '../support/eventually.ts';
import { sampleTree } from '../support/trees.ts';
import { ask } from '../support/http-cache.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

/** The value of one series of a scrape; NaN when it is not there. */
function sample(text: string, series: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? NaN);
}

describe('the operations port', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  const scrape = async () => await (await fetch(`${weir.opsUrl}/metrics`)).text();

  test('answers probes, and nothing that would change something', async () => {
    assert.equal((await fetch(`${weir.opsUrl}/livez`)).status, 200);
    const ready = await fetch(`${weir.opsUrl}/readyz`);
    assert.equal(ready.status, 200);
    assert.equal(await ready.text(), 'ready\n');
    assert.equal((await fetch(`${weir.opsUrl}/elsewhere`)).status, 404);
    assert.equal((await fetch(`${weir.opsUrl}/metrics`, { method: 'POST', body: 'x' })).status, 405);
  });

  test('counts exactly what a client has looked up, sent and received', async () => {
    const [small, large, absent] = [randomBlob(1000), randomBlob(2_000_000), randomBlob(10)];
    const tree = sampleTree();
    const treeBytes = tree.blobs.reduce((sum, { data }) => sum + data.length, 0);
    const before = await scrape();
    await putBatch(push, [small]);
    await write(push, uploadName(large), large.data);
    await write(push, uploadName(large), large.data);
    await findMissing(
      pull,
      [small, large, absent].map(({ digest }) => digest),
    );
    await read(pull, downloadName(large), 500_000n);
    await failure(read(pull, downloadName(absent)));
    await pull.cas.batchReadBlobs({
      instanceName: '',
      digests: [small.digest, absent.digest],
      acceptableCompressors: [],
      digestFunction: 0,
    });
    await putBatch(push, tree.blobs);
    await push.references.updateReference({ instanceName: '', keys: ['m/e/k'], digest: tree.root.digest });
    await pull.references.getReference({ instanceName: '', key: 'm/e/k' });
    await failure(pull.references.getReference({ instanceName: '', key: 'm/e/none' }));
    const after = await scrape();
    const grew = (series: string) => sample(after, series) - (sample(before, series) || 0);
    assert.equal(grew('weir_lookups_total{kind="blob",result="hit",tool="none"}'), 2);
    assert.equal(grew('weir_lookups_total{kind="blob",result="miss",tool="none"}'), 1);
    assert.equal(grew('weir_lookups_total{kind="read",result="hit",tool="none"}'), 2);
    assert.equal(grew('weir_lookups_total{kind="read",result="miss",tool="none"}'), 2);
    assert.equal(grew('weir_lookups_total{kind="reference",result="hit",tool="none"}'), 1);
    assert.equal(grew('weir_lookups_total{kind="reference",result="miss",tool="none"}'), 1);
    assert.equal(grew('weir_received_bytes_total{service="ByteStream",listener="push"}'), 2_000_000);
    assert.equal(
      grew('weir_received_bytes_total{service="ContentAddressableStorage",listener="push"}'),
      1000 + treeBytes,
    );
    assert.equal(grew('weir_sent_bytes_total{service="ByteStream",listener="pull"}'), 1_500_000);
    assert.equal(grew('weir_sent_bytes_total{service="ContentAddressableStorage",listener="pull"}'), 1000);
    assert.equal(grew('weir_pushes_total'), 1);
    assert.equal(grew('weir_pushed_bytes_total'), treeBytes);
  });

  test('has the histograms of gRPC calls, the volume and the process', async () => {
    await findMissing(pull, [randomBlob(1).digest]);
    const text = await scrape();
    assert.match(text, /grpc_server_handled_total\{[^}]*grpc_method="FindMissingBlobs"[^}]*grpc_code="OK"/);
    assert.match(text, /grpc_server_handling_seconds_bucket\{/);
    assert.match(text, /process_resident_memory_bytes /);
    assert.equal(sample(text, 'weir_volume_writable'), 1);
    assert.equal(sample(text, 'weir_volume_answers'), 1);
    assert.ok(sample(text, 'weir_volume_free_bytes') > 0);
    assert.ok(sample(text, 'weir_volume_size_bytes') >= sample(text, 'weir_volume_free_bytes'));
    assert.equal(sample(text, 'weir_calls_in_flight{listener="pull"}'), 0);
  });

  test('gRPC health says that the server serves', async () => {
    const { status } = await createClient(HealthDefinition, pull.channel).check({ service: '' });
    assert.equal(status, 1);
  });
});

describe('a server that is asked to stop', () => {
  test('lets an upload end, says that it is not ready meanwhile, and exits with 0', async () => {
    const weir = await startWeir({ env: { DRAIN_SECONDS: '30' } });
    const clients = clientsAt(weir.pushAddress);
    const blob = randomBlob(1_000_000);
    let stopped: Promise<number | null> | undefined;
    async function* slowly() {
      yield {
        resourceName: uploadName(blob),
        writeOffset: 0n,
        finishWrite: false,
        data: blob.data.subarray(0, 100_000),
      };
      await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 1);
      process.kill(weir.pid, 'SIGTERM');
      await eventually(async () => (await fetch(`${weir.opsUrl}/readyz`)).status === 503);
      assert.equal((await fetch(`${weir.opsUrl}/livez`)).status, 200);
      yield { resourceName: '', writeOffset: 100_000n, finishWrite: true, data: blob.data.subarray(100_000) };
    }
    const { committedSize } = await clients.bytes.write(slowly());
    assert.equal(committedSize, 1_000_000n);
    clients.close();
    await eventually(() => weir.output().includes('"stopped"'));
    await stat(join(weir.volume, 'cas', 'objects', blob.digest.hash.slice(0, 2), blob.digest.hash.slice(2)));
    assert.deepEqual(await readdir(join(weir.volume, 'tmp')), []);
    stopped = weir.stop();
    assert.equal(await stopped, 0);
  });

  test('does not wait for those who only watch its health', async () => {
    const weir = await startWeir({ env: { DRAIN_SECONDS: '300' } });
    const clients = clientsAt(weir.pullAddress);
    const health = createClient(HealthDefinition, clients.channel);
    const watching = health.watch({ service: '' })[Symbol.asyncIterator]();
    assert.equal((await watching.next()).value?.status, 1);
    process.kill(weir.pid, 'SIGTERM');
    // Its own patience is far shorter than the time that the server would wait.
    await eventually(() => weir.output().includes('"stopped"'));
    await assert.rejects(async () => {
      for (;;) if ((await watching.next()).done === true) throw new Error('the stream has ended');
    });
    clients.close();
    assert.equal(await weir.stop(), 0);
  });

  test('leaves the sockets to the server that has taken its place', async (t) => {
    const first = await startWeir({ http: true });
    const { volume, socketsDir } = first;
    const second = await startWeir({ http: true, volume, socketsDir });
    const [push, pull] = [clientsAt(second.pushAddress), clientsAt(second.pullAddress)];
    t.after(async () => {
      push.close();
      pull.close();
      await second.stop();
      await first.stop();
    });
    await first.kill('SIGTERM');
    assert.match(first.output(), /"stopped"/);
    const blob = randomBlob(1000);
    await putBatch(push, [blob]);
    assert.deepEqual(await read(pull, downloadName(blob)), blob.data);
    for (const name of ['pull-http.sock', 'push-http.sock']) {
      const socketPath = join(socketsDir, name);
      const { status } = await ask('GET', `http://weir/cas/${blob.digest.hash}`, { socketPath });
      assert.equal(status, 200);
    }
    const names = (await readdir(socketsDir)).filter((name) => name !== 'volume').sort();
    assert.deepEqual(names, ['pull-http.sock', 'pull.sock', 'push-http.sock', 'push.sock']);
    for (const name of names) assert.equal((await stat(join(socketsDir, name))).mode & 0o777, 0o660, name);
  });

  test('cuts what has not ended in time, and leaves nothing half-written', async () => {
    const weir = await startWeir({ env: { DRAIN_SECONDS: '0.2', UPLOAD_RESUME_SECONDS: '0' } });
    const clients = clientsAt(weir.pushAddress);
    const blob = randomBlob(1_000_000);
    async function* stalled() {
      yield {
        resourceName: uploadName(blob),
        writeOffset: 0n,
        finishWrite: false,
        data: blob.data.subarray(0, 100_000),
      };
      await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === 1);
      process.kill(weir.pid, 'SIGTERM');
      await new Promise<never>(() => {});
    }
    await failure(clients.bytes.write(stalled()));
    await eventually(() => weir.output().includes('"stopped"'));
    assert.deepEqual(await readdir(join(weir.volume, 'tmp')), []);
    assert.ok(
      (await readdir(join(weir.volume, 'cas', 'objects', blob.digest.hash.slice(0, 2)))).every(
        (name) => !blob.digest.hash.endsWith(name),
      ),
    );
    clients.close();
    await weir.stop();
  });
});
