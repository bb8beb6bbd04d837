import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { figure, sized } from '../support/promise-size.ts';
import { testWith } from '../support/real-parts.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import type { WireTally } from '../support/wire-actor.ts';
import { startWireStorm } from '../support/wire-storm.ts';
import { wrongClock } from '../support/wrong-clock.ts';

/** Too small for what the clients bring in a lease, so that eviction never rests. */
const quota = String(8 * 1024 * 1024);
const largestPerLeaseSecond = 40_000;
const clients = 4;
const stormMs = sized({ short: 25_000, long: 600_000 });

void test('no answer of two servers on one small volume is broken, of whatever service', async (t) => {
  const leaseMs = 3000;
  const env = { LEASE_SECONDS: `${leaseMs / 1000}`, QUOTA: quota };
  await keepsAll(t, [env, env], leaseMs, [0, 1]);
});

void test('the same storm sees answers broken when one of the servers has been told of a shorter lease', async (t) => {
  const leaseMs = 6000;
  const env = { LEASE_SECONDS: `${leaseMs / 1000}`, QUOTA: quota };
  const { broken } = await storm(
    t,
    [env, { ...env, LEASE_SECONDS: '0' }],
    leaseMs,
    (tally) => tally.broken > 0,
  );
  assert.ok(broken > 0);
});

testWith('faketime')(
  'nor one of servers whose clocks are half of a lease ahead, behind, or run at another rate',
  async (t) => {
    const leaseMs = 6000;
    const halfLease = `${leaseMs / 2000}s`;
    const clocks = [{}, wrongClock(`+${halfLease}`), wrongClock(`-${halfLease}`), wrongClock('+0 x1.1')];
    const env = { LEASE_SECONDS: `${leaseMs / 1000}`, QUOTA: quota };
    await keepsAll(
      t,
      clocks.map((faked) => Object.assign(faked, env)),
      leaseMs,
      [0],
    );
  },
  { timeout: 1_800_000 },
);

/** `evicting`: the servers that must have evicted. */
async function keepsAll(
  t: TestContext,
  servers: readonly Record<string, string>[],
  leaseMs: number,
  evicting: readonly number[],
): Promise<void> {
  const tally = await storm(t, servers, leaseMs, () => false, evicting);
  const seen = JSON.stringify(tally);
  assert.ok(tally.kept > 20, seen);
  assert.deepEqual(
    { broken: tally.broken, wrong: tally.wrong, failed: tally.failed },
    { broken: 0, wrong: 0, failed: 0 },
    seen,
  );
}

async function storm(
  t: TestContext,
  servers: readonly Record<string, string>[],
  leaseMs: number,
  isEnough: (tally: WireTally) => boolean,
  evicting: readonly number[] = [],
): Promise<WireTally> {
  const volume = await mkdtemp(join(tmpdir(), 'weir-served-storm-'));
  const running: Weir[] = [];
  try {
    for (const env of servers) running.push(await startWeir({ volume, env }));
    const addresses = running.map(({ pushAddress }) => pushAddress);
    const largest = (largestPerLeaseSecond * leaseMs) / 1000;
    const clientSettings = { addresses, leaseMs, things: 40, largest, restMs: 0 };
    let tally: WireTally;
    // A machine that is busy with other things sees little in one round.
    for (let round = 0; ; round++) {
      const clouds = startWireStorm(clients, clientSettings);
      await Promise.race([sleep(stormMs), clouds.ended]);
      tally = await clouds.stop();
      const evicted = await Promise.all(
        running.map(({ opsUrl }) => scraped(opsUrl, 'weir_evicted_blobs_total')),
      );
      figure(t, { ...tally, evicted });
      const evict = evicting.every((server) => (evicted[server] ?? 0) > 0);
      const done = evicting.length > 0 ? evict && tally.kept > 20 : isEnough(tally);
      if (done || tally.broken > 0 || round === 5) break;
    }
    return tally;
  } finally {
    for (const weir of running) await weir.stop();
    await rm(volume, { recursive: true });
  }
}
