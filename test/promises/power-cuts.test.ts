import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DiskImage, diskImage, noDiskImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { newVerdict, PushLedger, pushKinds, type PushSizes, type Verdict } from '../support/push-ledger.ts';
import { testWith } from '../support/real-parts.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt } from '../support/wire.ts';

const cuts = sized({ short: 2, long: 50 });
/** A new file system after so many: what was pushed is leased, so it only grows. */
const cutsOfAnImage = 10;
const pushersAtOnce = 4;
const mebibyte = 1024 * 1024;
const sizes: PushSizes = {
  files: { least: 1, most: 8 },
  file: { least: 1, most: 60_000 },
  largeShare: 0.15,
  large: 3 * mebibyte,
};
/** How many pushes are acknowledged before the power goes, and how long after the last one it does. Milliseconds. */
const acknowledgedBefore = { least: 2, most: sized({ short: 10, long: 60 }) };
const longestWait = 100;
const timeout = sized({ short: 480_000, long: 3 * 3_600_000 });

/** What a number of cuts has shown. */
interface Outcome {
  readonly verdict: Verdict;
  readonly acknowledged: number;
  /** Pushes that were begun when the power was gone, and were acknowledged all the same. */
  readonly afterTheCut: number;
  readonly pushesPerSecond: number;
}

async function cutAgainAndAgain(
  kind: 'ext4' | 'xfs',
  count: number,
  env: Record<string, string>,
): Promise<Outcome> {
  const random = seededRandom(kind === 'ext4' ? 1 : 2);
  const verdict = newVerdict();
  let [acknowledged, afterTheCut, pushingMs] = [0, 0, 0];
  for (let done = 0; done < count; done += cutsOfAnImage) {
    const image = await diskImage({ kind, bytes: 1024 * mebibyte });
    const ledger = new PushLedger(random, sizes);
    let weir = await startWeir({ volume: image.path, env });
    try {
      for (let cut = done; cut < Math.min(count, done + cutsOfAnImage); cut++) {
        const [before, begun] = [ledger.acknowledged, performance.now()];
        afterTheCut += await pushUntilTheCut(weir, image, ledger, random);
        acknowledged += ledger.acknowledged - before;
        pushingMs += performance.now() - begun;
        await weir.kill();
        await weir.stop();
        image.mountAgain();
        weir = await startWeir({ volume: image.path, env });
        // What was on disk before the cut before is looked at in the end.
        await look(weir, ledger, verdict, acknowledgedBefore.most + 40);
      }
      await look(weir, ledger, verdict);
    } finally {
      await weir.stop();
      await image.remove();
    }
  }
  return {
    verdict,
    acknowledged,
    afterTheCut,
    pushesPerSecond: Math.round((acknowledged / pushingMs) * 10_000) / 10,
  };
}

/** Several clients push as fast as they can; then the power is cut. How many pushes that began after it were acknowledged. */
async function pushUntilTheCut(
  weir: Weir,
  image: DiskImage,
  ledger: PushLedger,
  random: () => number,
): Promise<number> {
  const { least, most } = acknowledgedBefore;
  const enough = ledger.acknowledged + Math.round(least + random() * (most - least));
  const clients = Array.from({ length: pushersAtOnce }, () => clientsAt(weir.pushAddress));
  const power = new AbortController();
  async function pushOn(push: Clients, pusher: number): Promise<void> {
    for (let count = 0; !power.signal.aborted; count++) {
      const kind = pushKinds[count % pushKinds.length] ?? 'reference';
      // Some of them take the place of others.
      const name = `${kind}/${pusher}/${Math.floor(random() * 40)}`;
      await ledger.push(push, kind, name).catch((error: unknown) => {
        if (!power.signal.aborted) throw error;
      });
    }
  }
  const pushers = Promise.all(clients.map(pushOn));
  await Promise.race([pushers, eventually(() => ledger.acknowledged >= enough)]);
  await sleep(random() * longestWait);
  // Nothing of ours runs until the power is gone, so whoever is told of a failure sees this.
  power.abort();
  image.cutPower();
  await pushers;
  const before = ledger.acknowledged;
  for (const [index, kind] of pushKinds.entries()) {
    const push = clients[index];
    if (push !== undefined) await ledger.push(push, kind, `${kind}/after-the-cut`).catch(() => {});
  }
  assert.equal((await fetch(`${weir.opsUrl}/livez`)).status, 200, 'the server lives on');
  for (const push of clients) push.close();
  return ledger.acknowledged - before;
}

async function look(weir: Weir, ledger: PushLedger, verdict: Verdict, last?: number): Promise<void> {
  const clients = clientsAt(weir.pullAddress);
  await ledger.lookAt(clients, verdict, ledger.names(last));
  await ledger.readPresent(clients, verdict, last);
  clients.close();
}

function tell(t: TestContext, { verdict, ...counts }: Outcome, given: Record<string, unknown>): void {
  const { lost, wrong, ...seen } = verdict;
  figure(t, { ...given, ...counts, ...seen, lost: lost.length, wrong: wrong.length });
}

for (const kind of ['ext4', 'xfs'] as const) {
  describe(`power cuts on ${kind}`, { skip: noDiskImage }, () => {
    testWith('disk-images')(
      'lose nothing that was acknowledged',
      async (t) => {
        const outcome = await cutAgainAndAgain(kind, cuts, {});
        tell(t, outcome, { kind, cuts });
        assert.deepEqual(outcome.verdict.lost, []);
        assert.deepEqual(outcome.verdict.wrong, []);
        assert.equal(outcome.afterTheCut, 0, 'without a disk nothing is acknowledged');
        assert.ok(outcome.acknowledged > 0);
      },
      { timeout },
    );

    testWith('disk-images')(
      'lose pushes with DURABILITY=relaxed, and still nobody gets wrong bytes',
      async (t) => {
        const fewer = Math.ceil(cuts / 5);
        const outcome = await cutAgainAndAgain(kind, fewer, { DURABILITY: 'relaxed' });
        tell(t, outcome, { kind, cuts: fewer, durability: 'relaxed' });
        assert.ok(outcome.verdict.lost.length > 0, 'this harness sees it when something is lost');
        assert.deepEqual(outcome.verdict.wrong, []);
      },
      { timeout },
    );
  });
}
