// Calls that come through nginx, and what they find: several workers of weir on the same socket files.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelCredentials } from '@grpc/grpc-js';
import { CacheClient } from '../support/cache-client.ts';
import { readPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startNginx } from '../support/nginx.ts';
import { childrenOf } from '../support/process-figures.ts';
import { testWith } from '../support/real-parts.ts';
import { findMissing, randomBlob } from '../support/wire.ts';
import { callsByWorker, startTwoWorkers, workersServe } from '../support/workers.ts';

const test = testWith('nginx');
/** At once, by one client on one connection to nginx. */
const calls = 60;

test('calls that come through nginx are spread over the workers, and find the next one when one is killed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-nw-'));
  const [certsDir, socketsDir, volume] = [join(folder, 'certs'), join(folder, 's'), join(folder, 'volume')];
  await mkdir(socketsDir);
  const weir = await startTwoWorkers(t, { tcp: false, http: true, socketsDir, volume });
  const nginx = await startNginx({ socketsDir, certsDir, volume, workDir: join(folder, 'work') });
  t.after(() => nginx.stop());
  t.after(async () => await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  const pair = await readPair(join(certsDir, 'client.crt'), join(certsDir, 'client.key'));
  const credentials = ChannelCredentials.createSsl(
    await readFile(join(certsDir, 'server.crt')),
    Buffer.from(pair.keyPem),
    Buffer.from(pair.certificatePem),
  );
  const client = new CacheClient(`localhost:${nginx.pushPort}`, credentials);
  t.after(() => client.close());
  const all = async () => {
    const blobs = Array.from({ length: calls }, () => randomBlob(100_000));
    await Promise.all(blobs.map((blob) => client.upload(blob)));
    const missing = await client.call((clients) =>
      findMissing(
        clients,
        blobs.map(({ digest }) => digest),
      ),
    );
    assert.deepEqual(missing, []);
  };
  await all();
  await eventually(() => [...callsByWorker(weir).values()].reduce((sum, count) => sum + count, 0) > calls);
  const counts = [...callsByWorker(weir).values()];
  assert.ok(counts.length === 2 && Math.min(...counts) >= calls / 4, `${counts.join(' and ')} calls`);

  const [victim] = childrenOf(weir.pid);
  assert.ok(victim !== undefined);
  process.kill(victim, 'SIGKILL');
  await all();
  await workersServe(weir, 2, [victim]);
  await all();
});
