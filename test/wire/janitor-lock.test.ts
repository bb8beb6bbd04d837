import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { undoneAfter } from '../support/undone.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { clientsAt, randomBlob, uploadName, write } from '../support/wire.ts';

/** Nothing is promised for longer than it takes to say so. */
const shortLease = { LEASE_SECONDS: '0' };

type Undo = ReturnType<typeof undoneAfter>;

async function freshVolume(undone: Undo): Promise<string> {
  const volume = await mkdtemp(join(tmpdir(), 'weir-lock-'));
  undone(() => rm(volume, { recursive: true, force: true }));
  return volume;
}

async function server(undone: Undo, volume: string, env: Record<string, string> = shortLease): Promise<Weir> {
  const weir = await startWeir({ volume, env });
  undone(async () => {
    goOn(weir);
    await weir.stop();
  });
  return weir;
}

/** One that a failed test has left standing still could not be stopped. */
function goOn({ pid }: Weir): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended.
  }
}

async function works(weir: Weir): Promise<boolean> {
  return (await scraped(weir.opsUrl, 'weir_janitor_lock_held')) === 1;
}

/** A run that a janitor has died over, with a blob that nobody has used for years. */
async function leaveInTrash(volume: string): Promise<void> {
  const run = join(volume, 'weir', 'trash', 'left-by-the-dead');
  await mkdir(run);
  const file = join(run, randomBlob(10).digest.hash);
  await writeFile(file, randomBytes(100));
  await utimes(file, 1_000_000_000, 1_000_000_000);
}

async function runsInTrash(volume: string): Promise<number> {
  return (await readdir(join(volume, 'weir', 'trash'))).length;
}

/** The one of two whose janitor works, and the other. On a machine that keeps them waiting that may change at any time. */
async function whoWorks(servers: readonly [Weir, Weir]): Promise<[Weir, Weir]> {
  let works0 = false;
  await eventually(async () => {
    works0 = await works(servers[0]);
    return works0 !== (await works(servers[1]));
  });
  return works0 ? [servers[0], servers[1]] : [servers[1], servers[0]];
}

/** Two servers on a volume. */
async function workingAndWaiting(undone: Undo): Promise<[Weir, Weir]> {
  const volume = await freshVolume(undone);
  const servers = [await server(undone, volume), await server(undone, volume)] as const;
  await eventually(() => servers.some((one) => one.output().includes('the one of this server waits')));
  return await whoWorks([...servers]);
}

void test('when the server whose janitor works is killed, that of another does, and finishes what it left', async (t) => {
  const undone = undoneAfter(t);
  const [killed, other] = await workingAndWaiting(undone);
  await killed.kill();
  await leaveInTrash(killed.volume);
  await eventually(() => works(other));
  await eventually(async () => (await runsInTrash(killed.volume)) === 0);
  await eventually(async () => (await scraped(other.opsUrl, 'weir_evicted_blobs_total')) === 1);
});

void test('a server that stands still loses its turn, and knows it when it goes on', async (t) => {
  const undone = undoneAfter(t);
  const [stopped, other] = await workingAndWaiting(undone);
  process.kill(stopped.pid, 'SIGSTOP');
  await eventually(() => works(other));
  process.kill(stopped.pid, 'SIGCONT');
  // One of them works then: the one that has taken over, unless the other was just about to write.
  const [working, waiting] = await whoWorks([stopped, other]);
  if (working === other) await eventually(() => stopped.output().includes('the one of this server waits'));
  // A server that ends in order lets the next one work at once.
  const claim = async () =>
    (await readFile(join(working.volume, 'weir', 'janitor-lock'), 'utf8')).slice(0, 36);
  const before = await claim();
  await working.stop();
  assert.notEqual(await claim(), before);
  await eventually(() => works(waiting));
});

void test('a lock that makes no sense is taken when it stands still', async (t) => {
  const undone = undoneAfter(t);
  const volume = await freshVolume(undone);
  await mkdir(join(volume, 'weir'), { recursive: true });
  const path = join(volume, 'weir', 'janitor-lock');
  await writeFile(path, randomBytes(3000));
  const weir = await server(undone, volume);
  await eventually(() => works(weir));
  assert.match(await readFile(path, 'latin1'), /^[0-9a-f-]{36} \d{15}\n$/);
});

void test('where no lock can be had, the janitor works without', async (t) => {
  const undone = undoneAfter(t);
  const volume = await freshVolume(undone);
  await mkdir(join(volume, 'weir', 'janitor-lock'), { recursive: true });
  const weir = await server(undone, volume);
  await leaveInTrash(volume);
  await eventually(async () => (await runsInTrash(volume)) === 0);
  assert.match(weir.output(), /the lock of the janitor cannot be had/);
  assert.equal(await works(weir), false);
});

void test('an upload that asks for room gets it, though the janitor of another server works, and stands still', async (t) => {
  const undone = undoneAfter(t);
  const volume = await freshVolume(undone);
  // It has no quota, and so nothing to do.
  const working = await server(undone, volume);
  await eventually(() => works(working));
  const other = await server(undone, volume, { ...shortLease, QUOTA: '20e6' });
  await eventually(() => other.output().includes('the one of this server waits'));
  const clients = clientsAt(other.pushAddress);
  undone(() => clients.close());
  for (let count = 0; count < 14; count++) {
    const blob = randomBlob(2 * 1024 * 1024);
    await eventually(async () => (await write(clients, uploadName(blob), blob.data).catch(() => 0n)) > 0n);
  }
  assert.ok((await scraped(other.opsUrl, 'weir_evicted_blobs_total')) > 0);
});

void test('a server where only HTTP clients push makes room too', async (t) => {
  const undone = undoneAfter(t);
  const volume = await freshVolume(undone);
  const weir = await startWeir({
    volume,
    tcp: true,
    http: true,
    env: { ...shortLease, QUOTA: '20e6', PUSH_LISTEN: 'none' },
  });
  undone(() => weir.stop());
  for (let count = 0; count < 14; count++) {
    const { digest, data } = randomBlob(2 * 1024 * 1024);
    await eventually(async () => {
      const put = fetch(`${weir.pushUrl}/cas/${digest.hash}`, { method: 'PUT', body: data });
      // A refusal may come before all of it was sent, and fail the call.
      return await put.then(
        ({ ok }) => ok,
        () => false,
      );
    });
  }
  assert.ok((await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
});
