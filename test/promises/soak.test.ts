import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { logged } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { descriptorsOf, memoryOf } from '../support/process-figures.ts';
import { figure, sized } from '../support/promise-size.ts';
import { scraped } from '../support/scraped.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, findMissing, randomBlob } from '../support/wire.ts';
import { startWireStorm } from '../support/wire-storm.ts';

/** The second half is judged. Compiled code and the heap of a new process grow for half an hour. */
const { forMs, leaseMs, sampleMs } = sized({
  short: { forMs: 20_000, leaseMs: 3_000, sampleMs: 500 },
  long: { forMs: 3_600_000, leaseMs: 60_000, sampleMs: 5_000 },
});
const mostSlopePerHour = 0.01;
/** What may be open by chance: the file that is being scrubbed, a folder that is being measured. */
const fewDescriptors = 5;

interface Sample {
  readonly hours: number;
  readonly memory: number;
  readonly descriptors: number;
}

void test(
  'memory and descriptors are the same after half an hour of mixed work',
  { timeout: 5_400_000 },
  async (t) => {
    const volume = await mkdtemp(join(tmpdir(), 'weir-soak-'));
    const env = { LEASE_SECONDS: `${leaseMs / 1000}`, QUOTA: '20e6', SCRUB_BYTES_PER_SECOND: '1e6' };
    const weir = await startWeir({ volume, env });
    try {
      // By then the janitor's thread has begun, which has descriptors of its own.
      await logged(weir, 'measured what the cache takes');
      const before = await idleDescriptors(weir);
      const storm = startWireStorm(2, {
        addresses: [weir.pushAddress],
        leaseMs,
        things: 25,
        largest: sized({ short: 120_000, long: 400_000 }),
        restMs: sized({ short: 0, long: 1000 }),
      });
      const samples = await sampled(weir.pid);
      const { faults, ...tally } = await storm.stop();
      const evicted = await scraped(weir.opsUrl, 'weir_evicted_blobs_total');
      // Sockets of clients that have left are closed a moment later.
      await eventually(async () => (await descriptorsOf(weir.pid)) <= before + fewDescriptors);
      const half = floors(samples.slice(samples.length / 2));
      const line = lineThrough(half.map(({ hours, memory }) => [hours, memory]));
      const slopePerHour = line.slope / line.level;
      const doubtPerHour = (2 * line.error) / line.level;
      figure(t, {
        ...tally,
        evicted,
        slopePerHour,
        memory: [samples[0]?.memory, half[0]?.memory, half.at(-1)?.memory],
        descriptors: [before, ...range(samples.map(({ descriptors }) => descriptors))],
      });
      assert.deepEqual(faults, []);
      assert.ok(tally.answers > 10, JSON.stringify(tally));
      if (sized({ short: false, long: true })) {
        assert.ok(evicted > 0);
        // A collector's saw teeth are no slope: what the line cannot tell from level is level.
        assert.ok(slopePerHour - doubtPerHour < mostSlopePerHour, `${slopePerHour} of its memory in an hour`);
      }
    } finally {
      await weir.stop();
      await rm(volume, { recursive: true });
    }
  },
);

async function sampled(pid: number): Promise<Sample[]> {
  const begun = performance.now();
  const samples: Sample[] = [];
  while (performance.now() - begun < forMs) {
    await sleep(sampleMs);
    const [memory, descriptors] = await Promise.all([memoryOf(pid), descriptorsOf(pid)]);
    samples.push({ hours: (performance.now() - begun) / 3_600_000, memory: memory.now, descriptors });
  }
  return samples;
}

/** What a server has open that has worked before, and does not now. */
async function idleDescriptors({
  pid,
  pushAddress,
  opsUrl,
}: {
  pid: number;
  pushAddress: string;
  opsUrl: string;
}): Promise<number> {
  const idle = await descriptorsOf(pid);
  const clients = clientsAt(pushAddress);
  await findMissing(clients, [randomBlob(10).digest]);
  await scraped(opsUrl, 'weir_evicted_blobs_total');
  const most = await descriptorsOf(pid);
  clients.close();
  // The scrape's connection is kept by the client that made it.
  return Math.max(idle, most);
}

function range(values: readonly number[]): number[] {
  return [Math.min(...values), Math.max(...values)];
}

/** The sample with the least memory of each of 15 spans: what is left when the collector has been there. */
function floors(samples: readonly Sample[]): Sample[] {
  const span = Math.max(1, Math.floor(samples.length / 15));
  const least: Sample[] = [];
  for (let from = 0; from + span <= samples.length; from += span) {
    const some = samples.slice(from, from + span);
    const [first] = some.sort((a, b) => a.memory - b.memory);
    if (first !== undefined) least.push(first);
  }
  return least;
}

/** The straight line that is nearest to the points: its slope, the standard error of that, and its height in the middle. */
function lineThrough(points: readonly (readonly [x: number, y: number])[]): {
  slope: number;
  error: number;
  level: number;
} {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const middle = sum(points.map(([x]) => x)) / points.length;
  const level = sum(points.map(([, y]) => y)) / points.length;
  const spread = sum(points.map(([x]) => (x - middle) ** 2));
  const slope = sum(points.map(([x, y]) => (x - middle) * (y - level))) / spread;
  const rest = sum(points.map(([x, y]) => (y - level - slope * (x - middle)) ** 2));
  return { slope, error: Math.sqrt(rest / Math.max(1, points.length - 2) / spread), level };
}
