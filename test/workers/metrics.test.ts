import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { childrenOf } from '../support/process-figures.ts';
import { scraped } from '../support/scraped.ts';
import { eventually } from '../support/eventually.ts';
import { sampleTree } from '../support/trees.ts';
import type { Weir } from '../support/weir.ts';
import {
  type Clients,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';
import { callsByWorker, fixedPorts, manyClients, startTwoWorkers, workersServe } from '../support/workers.ts';

/** What a client has done, by the names of the metrics that count it. */
type Tally = Record<string, number>;

/** One round of calls by each of them; what they did is added to the tally. */
async function calls(clients: readonly Clients[], tally: Tally): Promise<void> {
  const count = (name: string, amount: number) => (tally[name] = (tally[name] ?? 0) + amount);
  for (const client of clients) {
    const [here, absent] = [randomBlob(1000), randomBlob(10)];
    await putBatch(client, [here]);
    count('weir_received_bytes_total', 1000);
    await findMissing(client, [here.digest, absent.digest]);
    await read(client, downloadName(here));
    await failure(read(client, downloadName(absent)));
    count('weir_sent_bytes_total', 1000);
    count('weir_lookups_total', 4);
    count('grpc_server_started_total', 4);
    count('grpc_server_handled_total', 4);
    count('grpc_server_handling_seconds_count', 4);
  }
}

async function counted(weir: Weir, names: readonly string[]): Promise<Tally> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await scraped(weir.opsUrl, name)) || 0] as const)),
  );
}

describe('the metrics of several workers', () => {
  test("are the client's own tally, also when workers have ended", async (t) => {
    const weir = await startTwoWorkers(t, { env: await fixedPorts() });
    const tally: Tally = {};
    const names = () => Object.keys(tally);
    await calls(manyClients(t, weir.pushAddress, 6), tally);
    assert.deepEqual(await counted(weir, names()), tally);
    assert.equal(callsByWorker(weir).size, 2, 'both had calls');

    for (let kill = 0; kill < 2; kill++) {
      const all = childrenOf(weir.pid);
      for (const pid of kill === 0 ? all.slice(0, 1) : all) process.kill(pid, 'SIGKILL');
      await workersServe(weir, 2, kill === 0 ? all.slice(0, 1) : all);
      assert.deepEqual(await counted(weir, names()), tally);
      await calls(manyClients(t, weir.pushAddress, 6), tally);
      assert.deepEqual(await counted(weir, names()), tally);
    }
    assert.ok(callsByWorker(weir).size >= 4, 'the new ones had calls too');
  });

  test('never go back while workers are killed, and no call stays under way', async (t) => {
    const weir = await startTwoWorkers(t);
    let last = 0;
    const ending = new AbortController();
    const looked = (async () => {
      while (!ending.signal.aborted) {
        const now = await scraped(weir.opsUrl, 'grpc_server_started_total');
        assert.ok(!(now < last), `${now} after ${last}`);
        last = now || last;
      }
    })();
    for (let kill = 0; kill < 3; kill++) {
      await calls(manyClients(t, weir.pushAddress, 4), {});
      const [victim] = childrenOf(weir.pid);
      assert.ok(victim !== undefined);
      process.kill(victim, 'SIGKILL');
      await workersServe(weir, 2, [victim]);
    }
    ending.abort();
    await looked;
    await eventually(async () => (await scraped(weir.opsUrl, 'weir_calls_in_flight')) === 0);
  });

  test('are of one server: one lock of the janitor, one volume, the time of its start', async (t) => {
    const weir = await startTwoWorkers(t);
    const [first] = childrenOf(weir.pid);
    for (const name of [
      'weir_build_info',
      'weir_volume_writable',
      'weir_volume_answers',
      'weir_janitor_lock_held',
    ])
      await eventually(async () => (await scraped(weir.opsUrl, name)) === 1);
    const started = await scraped(weir.opsUrl, 'process_start_time_seconds');
    process.kill(first ?? 0, 'SIGKILL');
    await workersServe(weir, 2, [first ?? 0]);
    assert.equal(await scraped(weir.opsUrl, 'process_start_time_seconds'), started);
  });
});

describe('the status page of several workers', () => {
  test('has the pushes and the history of all', async (t) => {
    const weir = await startTwoWorkers(t);
    const clients = manyClients(t, weir.pushAddress, 6);
    for (const [index, client] of clients.entries()) {
      const tree = sampleTree();
      await putBatch(client, tree.blobs);
      const keys = [`several/workers/${index}`];
      await client.references.updateReference({ instanceName: '', keys, digest: tree.root.digest });
      await client.references.getReference({ instanceName: '', key: keys[0] ?? '' });
    }
    const page = await (await fetch(`${weir.opsUrl}/status`)).text();
    for (const index of clients.keys()) assert.ok(page.includes(`several/workers/${index}`), `${index}`);
    const history = (await (await fetch(`${weir.opsUrl}/status/history.json`)).json()) as {
      series: Record<string, number[]>;
    };
    const sum = (name: string) => (history.series[name] ?? []).reduce((all, one) => all + one, 0);
    assert.deepEqual([sum('pushes'), sum('hits')], [clients.length, clients.length]);
  });
});
