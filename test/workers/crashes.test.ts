import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc-common';
import { CacheClient } from '../support/cache-client.ts';
import { eventually } from '../support/eventually.ts';
import { childrenOf } from '../support/process-figures.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, downloadName, findMissing, putBatch, randomBlob, read } from '../support/wire.ts';
import { fixedPorts, logLines, manyClients, startTwoWorkers, workersServe } from '../support/workers.ts';

const kills = 3;
/** The beginning of HTTP/2, with empty settings. */
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
]);

describe('a worker that ends', () => {
  test('under load is replaced, and no call of a client that tries again fails', async (t) => {
    const weir = await startTwoWorkers(t);
    const address = weir.pushAddress;
    const ending = new AbortController();
    const clients = Array.from(
      { length: 8 },
      () => new CacheClient(address, ChannelCredentials.createInsecure()),
    );
    t.after(() => {
      for (const each of clients) each.close();
    });
    let rounds = 0;
    const load = Promise.all(
      clients.map(async (client) => {
        while (!ending.signal.aborted) {
          const blob = randomBlob(300_000);
          await client.upload(blob);
          assert.deepEqual(await client.download(blob), Buffer.from(blob.data));
          rounds++;
        }
      }),
    );
    for (let kill = 0; kill < kills; kill++) {
      const before = rounds;
      await eventually(() => rounds > before + 2 * clients.length);
      const [victim] = childrenOf(weir.pid);
      assert.ok(victim !== undefined);
      process.kill(victim, 'SIGKILL');
      await workersServe(weir, 2, [victim]);
    }
    ending.abort();
    await load;
    assert.ok(clients.some(({ experience }) => experience.repeated > 0));
    assert.equal(await scraped(weir.opsUrl, 'weir_ended_workers_total'), kills);
    assert.equal(await scraped(weir.opsUrl, 'weir_workers'), 2);
    assert.equal(
      logLines(weir).filter(({ message }) => message.startsWith('a worker has ended')).length,
      kills,
    );
  });

  test('leaves no connection without an answer or an end', async (t) => {
    const weir = await startTwoWorkers(t, { env: await fixedPorts() });
    const port = Number(weir.pushAddress.split(':')[1]);
    const workers = childrenOf(weir.pid);
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    const sockets = Array.from({ length: 6 }, () => connect(port, '127.0.0.1'));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.write(preface);
    // For the first process to hand some of them over.
    await sleep(500);
    const heard = sockets.map(heardOrEnded);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await Promise.all(heard);
    await workersServe(weir, 2, workers);
    // Nor does a later one go to a worker that is not there any more.
    for (const address of [weir.pushAddress, weir.pullAddress])
      for (const client of manyClients(t, address, 4)) await findMissing(client, []);
  });

  test('of two, leaves the sockets to the other one; both, and they are back with the next', async (t) => {
    const weir = await startTwoWorkers(t, { tcp: false, http: true });
    const sockets = async () => (await readdir(weir.socketsDir)).filter((name) => name !== 'volume').sort();
    const before = await sockets();
    assert.deepEqual(before, ['pull-http.sock', 'pull.sock', 'push-http.sock', 'push.sock']);
    const blob = randomBlob(1000);
    const works = async () => {
      const clients = clientsAt(weir.pushAddress);
      await putBatch(clients, [blob]);
      assert.deepEqual(await read(clients, downloadName(blob)), blob.data);
      clients.close();
    };
    await works();
    const [first, second] = childrenOf(weir.pid);
    assert.ok(first !== undefined && second !== undefined);
    process.kill(first, 'SIGKILL');
    // A connection may be on its way to it: its client tries again, as all do.
    await eventually(() =>
      works().then(
        () => true,
        (error: unknown) => {
          if (error instanceof ClientError && error.code === Status.UNAVAILABLE) return false;
          throw error;
        },
      ),
    );
    await workersServe(weir, 2, [first]);
    const all = childrenOf(weir.pid);
    for (const pid of all) process.kill(pid, 'SIGKILL');
    await workersServe(weir, 2, all);
    await works();
    assert.deepEqual(await sockets(), before);
  });

  test('again and again as soon as it starts makes the server end, with a sentence', async (t) => {
    const weir = await startTwoWorkers(t);
    const killing = setInterval(() => {
      for (const pid of childrenOf(weir.pid)) killIfThere(pid);
    }, 5);
    t.after(() => clearInterval(killing));
    await eventually(() => weir.output().includes('"stopped"'));
    assert.match(
      weir.output(),
      /workers end as soon as they start \(the last one by SIGKILL\)[^"]*; the server ends/,
    );
    assert.equal(await weir.stop(), 1);
  });
});

describe('a server with workers that cannot start', () => {
  test('says why, once, and ends with 1', async (t) => {
    const weir = await startTwoWorkers(t);
    await assert.rejects(
      startWeir({ tcp: true, env: { WORKERS: '2', PUSH_LISTEN: weir.pushAddress } }),
      (error: Error) => {
        const sentence = `cannot listen for push on ${weir.pushAddress}: EADDRINUSE; is another server running there?`;
        assert.equal(error.message.split(sentence).length, 2, error.message);
        return true;
      },
    );
  });
});

describe('the first process', () => {
  test('takes its workers with it when it is killed', async (t) => {
    const weir = await startTwoWorkers(t);
    const workers = childrenOf(weir.pid);
    assert.equal(workers.length, 2);
    await weir.kill('SIGKILL');
    await eventually(() => workers.every((pid) => !isAlive(pid)));
  });

  test('is the only one where there is one worker', async (t) => {
    const weir = await startTwoWorkers(t, { env: { WORKERS: '1' } });
    assert.deepEqual(childrenOf(weir.pid), []);
    assert.equal(await scraped(weir.opsUrl, 'weir_workers'), 1);
  });
});

/** Resolves when something has come from the server, or nothing will. */
async function heardOrEnded(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve());
    socket.once('error', () => resolve());
    socket.once('close', () => resolve());
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
