import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import {
  type KillPoint,
  killAt,
  killPointsOf,
  mutatingCalls,
  oneThread,
  spread,
} from '../support/kill-points.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { newVerdict, PushLedger, type PushSizes, type Verdict } from '../support/push-ledger.ts';
import { testWith } from '../support/real-parts.ts';
import { scraped } from '../support/scraped.ts';
import { expectSwept } from '../support/swept.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const timeout = sized({ short: 480_000, long: 3 * 3_600_000 });
const killsOfAPush = sized({ short: 3, long: Infinity });
const killsOfAnEviction = sized({ short: 3, long: 40 });
const sizes: PushSizes = {
  files: { least: 2, most: 2 },
  file: { least: 1000, most: 5000 },
  largeShare: 0,
  large: 0,
};

const pushes: Record<string, (ledger: PushLedger, push: Clients, run: number) => Promise<void>> = {
  'a new reference': (ledger, push, run) => ledger.push(push, 'reference', `folder-${run}/key`),
  'a reference that takes the place of another': (ledger, push) => ledger.push(push, 'reference', 'the/same'),
  'a new action result': (ledger, push, run) => ledger.push(push, 'action', `action-${run}`),
  'an action result that takes the place of another': (ledger, push) =>
    ledger.push(push, 'action', 'the/same'),
  'a new asset': (ledger, push, run) => ledger.push(push, 'asset', `asset-${run}`),
  'an asset that takes the place of another': (ledger, push) => ledger.push(push, 'asset', 'the/same'),
};

/** What a number of kills has shown. */
interface Tally {
  readonly verdict: Verdict;
  /** Starts after a kill: until the first answer. Seconds. */
  readonly serving: number[];
  kills: number;
  points: number;
}

const newTally = (): Tally => ({ verdict: newVerdict(), serving: [], kills: 0, points: 0 });

/** A server and a client that can be ended and come again, on the same volume. */
class Site {
  readonly volume: string;
  readonly env: Record<string, string>;
  #weir: Weir | undefined;
  #clients: Clients | undefined;

  constructor(volume: string, env: Record<string, string>) {
    this.volume = volume;
    this.env = env;
  }

  get weir(): Weir {
    if (this.#weir === undefined) throw new Error('the server was not started');
    return this.#weir;
  }

  get push(): Clients {
    if (this.#clients === undefined) throw new Error('the server was not started');
    return this.#clients;
  }

  /** Resolves when it has given an answer. */
  async start(more: Record<string, string> = {}): Promise<void> {
    this.#weir = await startWeir({ volume: this.volume, env: { ...oneThread, ...this.env, ...more } });
    this.#clients = clientsAt(this.#weir.pushAddress);
    await findMissing(this.#clients, [randomBlob(1).digest]);
  }

  async kill(): Promise<void> {
    this.#clients?.close();
    await this.#weir?.kill();
    await this.#weir?.stop();
  }
}

/** Does the work, to be killed at this point of it; then starts the server again. */
async function killDuring(
  site: Site,
  point: KillPoint,
  tally: Tally,
  work: () => Promise<void>,
): Promise<void> {
  const fault = await killAt(site.weir.pid, point);
  const failure = await work().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (failure !== undefined) {
    // Only a server that is dead may fail.
    await fault.ended().catch(() => Promise.reject(failure.error as Error));
    tally.kills++;
  }
  await fault.end();
  await site.kill();
  const begun = performance.now();
  await site.start();
  tally.serving.push((performance.now() - begun) / 1000);
}

for (const [what, act] of Object.entries(pushes)) {
  testWith('strace', 'disk-images')(
    `a server that is killed at any call of a push of ${what} loses nothing that was acknowledged`,
    async (t) => {
      const random = seededRandom(Object.keys(pushes).indexOf(what));
      const ledger = new PushLedger(random, sizes);
      const tally = newTally();
      const site = new Site(await mkdtemp(join(tmpdir(), 'weir-killed-')), {});
      t.after(async () => {
        await site.kill();
        await rm(site.volume, { recursive: true });
      });
      await site.start();
      await act(ledger, site.push, -1);
      const points = await killPointsOf(site.weir.pid, mutatingCalls, () => act(ledger, site.push, -2));
      tally.points = points.length;
      for (const [run, point] of spread(points, killsOfAPush, random).entries()) {
        await act(ledger, site.push, 2 * run);
        await killDuring(site, point, tally, () => act(ledger, site.push, 2 * run + 1));
        await ledger.lookAt(site.push, tally.verdict, [...ledger.names(5), ...ledger.names().slice(0, 2)]);
        await ledger.readPresent(site.push, tally.verdict, 30);
      }
      await ledger.lookAt(site.push, tally.verdict);
      await ledger.readPresent(site.push, tally.verdict);
      const left = (await readdir(join(site.volume, 'tmp'))).length;
      await site.kill();
      await expectSwept(site.volume);
      tell(t, tally, { what, acknowledged: ledger.acknowledged, left });
      assert.ok(tally.kills > 0, 'some of the kills have come');
      expectKept(tally);
    },
    { timeout },
  );
}

const leaseSeconds = 10;
/** By when everything of now may go (the lease, what a skipped touch may take of it, and the grace before and after). */
const evictableAfterMs = leaseSeconds * (1 + 1 / 6) * 1000 + 2 * (1000 + (leaseSeconds * 1000) / 60);
const evictionCalls = ['link', 'rename', 'unlink', 'mkdir', 'rmdir'];

testWith('strace')(
  'a server that is killed at any call of an eviction loses nothing that is leased',
  async (t) => {
    const tally = newTally();
    const folder = await mkdtemp(join(tmpdir(), 'weir-killed-'));
    let site = new Site(join(folder, 'template'), { LEASE_SECONDS: `${leaseSeconds}` });
    t.after(async () => {
      await site.kill();
      await rm(folder, { recursive: true });
    });
    const template = await oldVolume(site);
    const copies = Array.from({ length: killsOfAnEviction + 1 }, (_, index) => join(folder, `copy-${index}`));
    for (const copy of copies) await cp(site.volume, copy, { recursive: true });
    const agedAt = Date.now() + evictableAfterMs;
    await eventually(() => Date.now() > agedAt);

    let points: readonly KillPoint[] = [];
    for (const [index, copy] of copies.entries()) {
      site = new Site(copy, { LEASE_SECONDS: `${leaseSeconds}`, QUOTA: `${template.quota}` });
      await site.start();
      const ledger = template.ledger.copy();
      await eventually(() => site.weir.output().includes('measured what the cache takes'));
      await ledger.push(site.push, 'reference', 'leased');
      const work = () => overfill(site, ledger, template.quota, tally.verdict);
      if (index === 0) {
        const all = await killPointsOf(site.weir.pid, evictionCalls, work);
        const others = all.filter(({ thread }) => thread === 'other');
        tally.points = others.length;
        points = spread(others, killsOfAnEviction, seededRandom(99));
        await site.kill();
        continue;
      }
      const point = points[index - 1];
      if (point === undefined) break;
      await killDuring(site, point, tally, work);
      await ledger.lookAt(site.push, tally.verdict);
      await ledger.readPresent(site.push, tally.verdict);
      await site.kill();
    }
    tell(t, tally, { what: 'an eviction' });
    assert.ok(tally.kills > 0, 'some of the kills have come');
    assert.ok(tally.verdict.names > 0, 'some leases were not over when they were looked at');
    expectKept(tally);
  },
  { timeout },
);

/** Fills a volume with what will be old, and says how large a quota is that it takes most of. */
async function oldVolume(site: Site): Promise<{ ledger: PushLedger; quota: number }> {
  const ledger = new PushLedger(
    seededRandom(7),
    { ...sizes, files: { least: 4, most: 4 } },
    leaseSeconds * 1000,
  );
  await site.start({ QUOTA: '1e12' });
  for (let count = 0; count < 8; count++) {
    await ledger.push(site.push, 'reference', `old-${count}`);
    await ledger.push(site.push, 'action', `old-action-${count}`);
  }
  await eventually(() => site.weir.output().includes('measured what the cache takes'));
  const used = await scraped(site.weir.opsUrl, 'weir_used_bytes');
  await site.kill();
  return { ledger, quota: Math.round(used / 0.8) };
}

/** Uploads until room is made, and uses some of what is old while that is going on. */
async function overfill(site: Site, ledger: PushLedger, quota: number, verdict: Verdict): Promise<void> {
  await putBatch(site.push, [randomBlob(Math.round(quota * 0.12))]);
  await eventually(async () => {
    await ledger.lookAt(site.push, verdict, ['old-0', 'old-1', 'old-action-0']);
    return site.weir.output().includes('made room');
  });
}

/** `servingAgain` is the longest of all starts, with the first answer; a quiet machine needs less than two seconds. */
function tell(t: { diagnostic(message: string): void }, tally: Tally, given: Record<string, unknown>): void {
  const { verdict, serving, kills, points } = tally;
  const { lost, wrong, ...seen } = verdict;
  const slowest = Math.round(Math.max(...serving) * 100) / 100;
  figure(t, {
    ...given,
    points,
    kills,
    ...seen,
    lost: lost.length,
    wrong: wrong.length,
    servingAgain: slowest,
  });
}

function expectKept({ verdict }: Tally): void {
  assert.deepEqual(verdict.lost, []);
  assert.deepEqual(verdict.wrong, []);
  assert.equal(verdict.refused, 0, 'what is said to be here can be read');
}
