import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelCredentials } from '@grpc/grpc-js';
import { startArtifactServer } from '../support/bst-artifact-server.ts';
import { authorizeOnly, newClient, newServerPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { childrenOf } from '../support/process-figures.ts';
import { scraped } from '../support/scraped.ts';
import { shownFingerprint } from '../support/shown-certificate.ts';
import { newToken } from '../support/tokens.ts';
import {
  type Blob,
  clientsAt,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';
import { callsByWorker, logLines, manyClients, ready, startTwoWorkers } from '../support/workers.ts';

/** More than workers: whatever reaches only one of them shows. */
const connections = 8;

describe('workers', () => {
  test('get connections in turn, whatever the environment says of node:cluster', async (t) => {
    const weir = await startTwoWorkers(t, { env: { NODE_CLUSTER_SCHED_POLICY: 'none' } });
    const calls = () => [...callsByWorker(weir).values()];
    for (const [index, client] of manyClients(t, weir.pullAddress, 20).entries()) {
      await findMissing(client, [randomBlob(1).digest]);
      await eventually(() => calls().reduce((sum, count) => sum + count, 0) === index + 1);
      // Where those take connections that wake up first, it is a matter of luck.
      if (index % 2 === 1) assert.deepEqual(calls(), [(index + 1) / 2, (index + 1) / 2]);
    }
  });

  test('see what another one has stored', async (t) => {
    const weir = await startTwoWorkers(t);
    const [pushers, pullers] = [weir.pushAddress, weir.pullAddress].map((at) =>
      manyClients(t, at, connections),
    );
    const blobs: Blob[] = [];
    for (const client of pushers ?? []) {
      const blob = randomBlob(5000);
      blobs.push(blob);
      await putBatch(client, [blob]);
    }
    for (const client of pullers ?? [])
      assert.deepEqual(
        await findMissing(
          client,
          blobs.map(({ digest }) => digest),
        ),
        [],
      );
  });

  test('tell each other which large blobs they have compared with their hash', async (t) => {
    const weir = await startTwoWorkers(t, { tcp: false, http: true });
    const [client] = manyClients(t, weir.pushAddress, 1);
    assert.ok(client !== undefined);
    const question = {
      socketPath: join(weir.socketsDir, 'pull-http.sock'),
      headers: { 'x-weir-accel': '/volume/' },
    };
    const isHandedOver = async ({ digest }: Blob) =>
      (await ask('GET', `http://weir/cas/${digest.hash}`, question)).headers['x-accel-redirect'] !==
      undefined;
    // Connections go to workers in turn: the first one reads the blob, and the next one has only heard of that.
    await eventually(async () => {
      const blob = randomBlob(3_000_000);
      await write(client, uploadName(blob), blob.data);
      assert.equal(await isHandedOver(blob), false);
      await sleep(200);
      return (await isHandedOver(blob)) && (await isHandedOver(blob));
    });
  });

  test('make room together, by the one janitor of the first process', async (t) => {
    const quota = 20_000_000;
    const weir = await startTwoWorkers(t, { env: { QUOTA: `${quota}`, LEASE_SECONDS: '1' } });
    const clients = manyClients(t, weir.pushAddress, connections);
    await Promise.all(
      clients.map(async (client) => {
        for (let count = 0; count < 8; count++) {
          const blob = randomBlob(1_000_000);
          await untilTaken(async () => void (await write(client, uploadName(blob), blob.data)));
        }
      }),
    );
    assert.ok((await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) >= 40);
    assert.ok((await scraped(weir.opsUrl, 'weir_used_bytes')) <= quota);
    const passes = logLines(weir).filter(({ message }) => message.startsWith('made '));
    assert.ok(passes.length > 0);
    for (const { worker } of passes) assert.equal(worker, undefined);
    const locks = logLines(weir).filter(({ message }) => message.includes('janitor of'));
    assert.deepEqual(
      locks.map(({ message }) => message),
      ['the janitor of this server works now'],
    );
    assert.equal((await readdir(join(weir.volume, 'weir', 'processes'))).length, 1);
  });

  test('all take over a changed list of tokens', async (t) => {
    const folder = await temporary(t);
    const file = join(folder, 'tokens');
    const [one, other] = [newToken('one', 'push'), newToken('other', 'push')];
    await writeFile(file, `${one.line}\n`);
    const weir = await startTwoWorkers(t, { env: { TOKENS_FILE: file, PULL_ACCESS: 'token' } });
    const admits = async (headers: Record<string, string>) => {
      const answers = Array.from({ length: connections }, async () => {
        const client = clientsAt(weir.pushAddress, undefined, headers);
        try {
          await findMissing(client, []);
          return true;
        } catch {
          return false;
        } finally {
          client.close();
        }
      });
      return (await Promise.all(answers)).filter(Boolean).length;
    };
    assert.deepEqual([await admits(one.headers), await admits(other.headers)], [connections, 0]);
    await writeFile(file, `${other.line}\n`);
    await eventually(async () => (await admits(other.headers)) === connections);
    await eventually(async () => (await admits(one.headers)) === 0);
  });

  test('of bst-artifact-server all take over changed certificates, of the server and of its clients', async (t) => {
    const folder = await temporary(t);
    const next = join(folder, 'next');
    const [first, second] = [await newServerPair(folder), await newServerPair(next)];
    const [user, other] = [await newClient(folder, 'user'), await newClient(folder, 'other')];
    await authorizeOnly(folder, user);
    const files = { key: join(folder, 'server.key'), certificate: join(folder, 'server.crt') };
    const pair = ['--server-key', files.key, '--server-cert', files.certificate];
    const rest = ['--client-certs', join(folder, 'authorized.crt'), '--enable-push', '--workers', '2'];
    const server = await startArtifactServer('weir', join(folder, 'repo'), [...pair, ...rest]);
    t.after(() => server.stop());
    assert.equal(childrenOf(server.pid).length, 2);
    const root = Buffer.from(first.certificatePem + second.certificatePem);
    const admits = async ({ keyPem, certificatePem }: typeof user) => {
      const answers = Array.from({ length: connections }, async () => {
        const credentials = ChannelCredentials.createSsl(
          root,
          Buffer.from(keyPem),
          Buffer.from(certificatePem),
        );
        const client = clientsAt(`localhost:${server.port}`, credentials);
        const isIn = await findMissing(client, []).then(
          () => true,
          () => false,
        );
        client.close();
        return isIn;
      });
      return (await Promise.all(answers)).filter(Boolean).length;
    };
    assert.deepEqual([await admits(user), await admits(other)], [connections, 0]);
    await authorizeOnly(folder, other);
    await copyFile(join(next, 'server.key'), files.key);
    await copyFile(join(next, 'server.crt'), files.certificate);
    await eventually(async () => {
      const shown = await Promise.all(
        Array.from({ length: connections }, () => shownFingerprint(server.port)),
      );
      return shown.every((fingerprint) => fingerprint === second.fingerprint);
    });
    await eventually(async () => (await admits(other)) === connections && (await admits(user)) === 0);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('all let their calls end when the server is stopped, whichever of its processes hears the signal', async (t) => {
    const weir = await startTwoWorkers(t, { env: { DRAIN_SECONDS: '60' } });
    const [goOn, blobs] = [
      Promise.withResolvers<void>(),
      Array.from({ length: 6 }, () => randomBlob(1_000_000)),
    ];
    const uploads = manyClients(t, weir.pushAddress, 6).map(async (client, index) => {
      const blob = blobs[index] as Blob;
      async function* slowly() {
        const [first, rest] = [blob.data.subarray(0, 100_000), blob.data.subarray(100_000)];
        yield { resourceName: uploadName(blob), writeOffset: 0n, finishWrite: false, data: first };
        await goOn.promise;
        yield { resourceName: '', writeOffset: 100_000n, finishWrite: true, data: rest };
      }
      return (await client.bytes.write(slowly())).committedSize;
    });
    await eventually(async () => (await readdir(join(weir.volume, 'tmp'))).length === uploads.length);
    // As a terminal does it, and service managers that signal a whole group.
    for (const pid of [...childrenOf(weir.pid), weir.pid]) process.kill(pid, 'SIGTERM');
    await eventually(async () => (await ready(weir)).status === 503);
    const late = clientsAt(weir.pushAddress);
    t.after(() => late.close());
    assert.equal((await failure(findMissing(late, []))).status, 'UNAVAILABLE');
    goOn.resolve();
    assert.deepEqual(
      await Promise.all(uploads),
      blobs.map(() => 1_000_000n),
    );
    await eventually(() => weir.output().includes('"stopped"'));
    assert.deepEqual(await readdir(join(weir.volume, 'tmp')), []);
    assert.doesNotMatch(weir.output(), /they are cut|"level":"error"/);
    assert.equal(await weir.stop(), 0);
  });
});

async function temporary(t: { after(hook: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-workers-'));
  t.after(async () => await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

/** With everything leased there is no room for a moment. */
async function untilTaken(upload: () => Promise<void>): Promise<void> {
  await eventually(async () => {
    const refused = await upload().then(
      () => '',
      (error: unknown) => String(error),
    );
    if (refused !== '') assert.match(refused, /RESOURCE_EXHAUSTED/);
    return refused === '';
  });
}
