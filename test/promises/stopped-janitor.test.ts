import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { keepAsking, type PromiseTally } from '../support/promise-keeper.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { scraped } from '../support/scraped.ts';
import { undoneAfter } from '../support/undone.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const leaseMs = 6000;
/** So little that all that may go goes, and uploads have to wait for that. */
const settings = { LEASE_SECONDS: String(leaseMs / 1000), QUOTA: String(3 * mebibyte) };
const rounds = sized({ short: 1, long: 40 });
const askers = 4;

interface Server {
  readonly weir: Weir;
  readonly clients: Clients;
  stopped: boolean;
}

async function startServer(undone: ReturnType<typeof undoneAfter>, volume: string): Promise<Server> {
  const weir = await startWeir({ volume, env: settings });
  const server = { weir, clients: clientsAt(weir.pushAddress), stopped: false };
  undone(async () => {
    server.clients.close();
    if (server.stopped) process.kill(weir.pid, 'SIGCONT');
    await weir.stop();
  });
  return server;
}

async function is({ weir }: Server, metric: string): Promise<boolean> {
  return (await scraped(weir.opsUrl, metric)) === 1;
}

/** The one whose janitor works, and the other. */
async function workingAndWaiting(servers: readonly Server[]): Promise<[Server, Server]> {
  let found: Server | undefined;
  await eventually(async () => {
    const works = await Promise.all(servers.map((server) => is(server, 'weir_janitor_lock_held')));
    found = works.filter(Boolean).length === 1 ? servers[works.indexOf(true)] : undefined;
    return found !== undefined;
  });
  const other = servers.find((server) => server !== found);
  assert.ok(found !== undefined && other !== undefined);
  return [found, other];
}

async function runsInTrash(volume: string): Promise<string[]> {
  return await readdir(join(volume, 'weir', 'trash'));
}

async function evictedBy(servers: readonly Server[]): Promise<number[]> {
  return await Promise.all(servers.map(({ weir }) => scraped(weir.opsUrl, 'weir_evicted_blobs_total')));
}

/** Stops the janitor that works in the middle of a pass, until another has taken its place and finished its runs. */
async function stopForLong(servers: readonly Server[], random: () => number): Promise<void> {
  const [working, waiting] = await workingAndWaiting(servers);
  await eventually(() => is(working, 'weir_eviction_running'));
  // A pass walks, moves, lets rest and empties: it is to be stopped in each of these.
  await new Promise((resolve) => setTimeout(resolve, 1200 * random() ** 2));
  working.stopped = true;
  process.kill(working.weir.pid, 'SIGSTOP');
  const left = await runsInTrash(working.weir.volume);
  await eventually(() => is(waiting, 'weir_janitor_lock_held'));
  await eventually(async () => {
    const now = await runsInTrash(working.weir.volume);
    return !left.some((run) => now.includes(run));
  });
  process.kill(working.weir.pid, 'SIGCONT');
  working.stopped = false;
}

void test('a janitor that is stopped past its lock, in the middle of a pass, and goes on breaks no promise', async (t) => {
  const volume = await mkdtemp(join(tmpdir(), 'weir-stopped-'));
  const undone = undoneAfter(t);
  undone(() => rm(volume, { recursive: true, force: true }));
  const servers = [await startServer(undone, volume), await startServer(undone, volume)];
  const tally: PromiseTally = { promises: 0, checked: 0, broken: [], refused: 0 };
  const ending = new AbortController();
  const asking = Array.from({ length: askers }, (_, index) => {
    const random = seededRandom(index + 1);
    const clients = () => {
      const answering = servers.filter(({ stopped }) => !stopped);
      const chosen = answering[Math.floor(random() * answering.length)] ?? servers[0];
      assert.ok(chosen !== undefined);
      return chosen.clients;
    };
    return keepAsking({ leaseMs, random, clients, tally }, ending.signal);
  });
  const asked = Promise.all(asking);
  const random = seededRandom();
  const going = (async () => {
    for (let round = 0; round < rounds; round++) await stopForLong(servers, random);
    // What the one that went on has done to what was promised meanwhile shows within a lease.
    await new Promise((resolve) => setTimeout(resolve, leaseMs));
    // Nothing that is leased goes: on a busy machine it takes a while until something is not.
    await eventually(async () => Math.max(...(await evictedBy(servers))) > 0);
  })();
  await Promise.race([going, asked]).finally(() => ending.abort());
  await asked;
  const evicted = await evictedBy(servers);
  figure(t, {
    ...tally,
    broken: tally.broken.length,
    stops: rounds,
    evicted: evicted.reduce((sum, blobs) => sum + blobs, 0),
  });
  assert.deepEqual(tally.broken, []);
  assert.ok(tally.checked > 20, `${tally.checked} promises were looked at`);
  assert.ok(Math.max(...evicted) > 0);
});
