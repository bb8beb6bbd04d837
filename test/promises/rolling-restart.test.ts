// R13: servers are replaced and certificates exchanged under load, and no build notices.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Acknowledged, pull, push } from '../support/acknowledged.ts';
import type { CacheClient } from '../support/cache-client.ts';
import { eventually } from '../support/eventually.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { testWith } from '../support/real-parts.ts';
import { type RollingSite, startRollingSite } from '../support/rolling-site.ts';
import { type Blob, findMissing, randomBlob } from '../support/wire.ts';

const rounds = sized({ short: 2, long: 60 });
/** From the beginning of a round to that of the next, at least. */
const everyMs = sized({ short: 0, long: 5000 });
/** Between what one client does and what it does next: builds do other things too. */
const pauseMs = 30;

const test = testWith('nginx');

test(
  'Rolling restarts and exchanged certificates fail no call of a client that tries again',
  async (t) => {
    const site = await startRollingSite();
    t.after(async () => await site.stop());
    const known: Acknowledged[] = [];
    const ending = new AbortController();
    const load = startLoad(site, known, ending.signal);
    await load.advanced();
    const slowUploads: Promise<void>[] = [];
    for (let round = 0; round < rounds; round++) {
      const pace = sleep(everyMs);
      const slow = slowUpload(site);
      slowUploads.push(slow.finished);
      await Promise.race([slow.begun, slow.finished]);
      await site.rotate();
      if (round % 2 === 0) {
        await site.replace();
        await site.rotated();
        slow.goOn();
      } else {
        // The server waits for the upload before it stops.
        const restarted = site.stopAndStart();
        slow.goOn();
        await restarted;
        await site.rotated();
      }
      await Promise.all([load.advanced(), slow.finished, pace]);
    }
    ending.abort();
    const experience = await load.ended();
    await Promise.all(slowUploads);
    await site.stopped();

    const puller = site.puller();
    for (const each of known) await pull(puller, each);
    puller.close();
    assert.ok(!/\[(emerg|alert)\]/.test(await site.nginxErrors()), 'nginx had worse than refused calls');
    figure(t, { restarts: rounds, rotations: rounds, failed: 0, ...experience, references: known.length });
  },
  { timeout: sized({ short: 480_000, long: 3_600_000 }) },
);

/** Clients of every kind, until the end; a failure of any of them is a rejection. */
function startLoad(site: RollingSite, known: Acknowledged[], signal: AbortSignal) {
  const clients: CacheClient[] = [];
  const counts: number[] = [];
  const workers: Promise<void>[] = [];
  const failures: unknown[] = [];
  const work = (client: CacheClient, once: (client: CacheClient, count: number) => Promise<void>) => {
    const index = clients.push(client) - 1;
    counts[index] = 0;
    const worker = (async () => {
      for (let count = 0; !signal.aborted; count++) {
        await once(client, count);
        counts[index] = count + 1;
        await sleep(pauseMs);
      }
    })();
    workers.push(worker.catch((error: unknown) => void failures.push(error)));
  };
  for (let pusher = 0; pusher < 2; pusher++) {
    work(site.pusher(), async (client, count) => {
      known.push(await push(client, `load/${pusher}/${count}`));
    });
  }
  for (let puller = 0; puller < 2; puller++) {
    const random = seededRandom(puller);
    work(site.puller(), async (client) => {
      const one = known[Math.floor(random() * known.length)];
      if (one !== undefined) await pull(client, one);
    });
  }
  work(site.puller(), async (client) => {
    const digests = known.slice(-20).map(({ root }) => root);
    assert.deepEqual(await client.call(async (clients) => await findMissing(clients, digests)), []);
  });
  work(site.pusher(), async (client) => await overHttp(site, client));
  work(site.puller(), async (client) => {
    const fresh = site.puller();
    await fresh.call(async ({ capabilities }) => await capabilities.getCapabilities({ instanceName: '' }));
    fresh.close();
    addTo(client.experience, fresh.experience);
  });
  return {
    /** Resolves when each of them has done something from now on that it had not begun yet. */
    async advanced() {
      const before = [...counts];
      await eventually(
        () => failures.length > 0 || counts.every((count, index) => count > (before[index] ?? 0) + 1),
      );
      assert.deepEqual(failures, []);
    },
    async ended() {
      await Promise.all(workers);
      for (const client of clients) client.close();
      assert.deepEqual(failures, []);
      const sum = { calls: 0, repeated: 0, resumed: 0, mostTries: 0 };
      for (const { experience } of clients) addTo(sum, experience);
      return sum;
    },
  };
}

function addTo(sum: CacheClient['experience'], more: CacheClient['experience']): void {
  sum.calls += more.calls;
  sum.repeated += more.repeated;
  sum.resumed += more.resumed;
  sum.mostTries = Math.max(sum.mostTries, more.mostTries);
}

async function overHttp({ ca, pair, pushUrl, pullUrl }: RollingSite, client: CacheClient): Promise<void> {
  const { data, digest } = randomBlob(100_000);
  const tls = { ca, cert: pair.certificatePem, key: pair.keyPem };
  const path = `/cas/${digest.hash}`;
  assert.equal((await client.http('PUT', pushUrl + path, { ...tls, body: data })).status, 200);
  const { status, body } = await client.http('GET', pullUrl + path, tls);
  assert.equal(status, 200);
  assert.deepEqual(body, data);
}

/** An upload that stops after its first message until it may go on. */
function slowUpload(site: RollingSite) {
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const client = site.pusher();
  const blob: Blob = randomBlob(2_000_000);
  const finished = (async () => {
    await client.upload(blob, async () => {
      begun.resolve();
      await goOn.promise;
    });
    assert.deepEqual(await client.download(blob), Buffer.from(blob.data));
    client.close();
  })();
  // Looked at by whoever waits for it; until then a failure must not count as unhandled.
  finished.catch(() => {});
  return { begun: begun.promise, finished, goOn: () => goOn.resolve() };
}
