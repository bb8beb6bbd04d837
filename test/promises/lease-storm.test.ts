import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { layoutOf, makeFolders } from '../../src/store/layout.ts';
import { diskImage, noDiskImage } from '../support/disk-image.ts';
import type { ActorSettings, Span, Tally } from '../support/lease-actor.ts';
import { figure, sized } from '../support/promise-size.ts';
import { testWith } from '../support/real-parts.ts';

const [leaseMs, coalesceMs, graceMs] = [1500, 500, 75];
const protocol = {
  leaseMs,
  coalesceMs,
  graceMs,
  evictAgeMs: leaseMs + coalesceMs + 2 * graceMs,
  skipsSecondLook: false,
  untilBroken: false,
  leastMs: 10_000,
};
const answers = sized({ short: 60_000, long: 2_000_000 });
/** What a storm may take that is to break something; it ends with the first broken promise. */
const patience = { answers: 2_000_000, rounds: 6, roundMs: 60_000 };
/** Longer leases, so that a machine that is busy with other things looks in time all the same. */
const patient = { ...protocol, leaseMs: 3 * leaseMs, coalesceMs: 3 * coalesceMs };
const typeScript = process.features.typescript ? [] : ['--experimental-strip-types'];

void test('no answer is broken by two janitors without a lock, while four processes touch and upload', async (t) => {
  await withFolder((root) => keepsAll(t, root));
});

if (sized({ short: false, long: noDiskImage === false })) {
  testWith('disk-images')(
    'nor on XFS',
    async (t) => {
      const image = await diskImage({ kind: 'xfs', bytes: 1024 ** 3 });
      try {
        await keepsAll(t, image.path);
      } finally {
        await image.remove();
      }
    },
    { timeout: 7_200_000 },
  );
}

void test('the same storm sees answers broken when blobs go after the lease, and a skipped touch is not made up for', async (t) => {
  await breaks(t, { ...patient, evictAgeMs: patient.leaseMs });
});

void test('the same storm sees answers broken when nobody looks again after setting the times of a file', async (t) => {
  const evictAgeMs = patient.leaseMs + patient.coalesceMs + 2 * graceMs;
  await breaks(t, { ...patient, evictAgeMs, skipsSecondLook: true });
});

async function keepsAll(t: TestContext, root: string): Promise<void> {
  const begun = performance.now();
  const tally = await storm(root, { ...protocol, answers: answers / 4 });
  figure(t, { ...tally, seconds: Math.round((performance.now() - begun) / 1000) });
  assert.ok(tally.answers >= answers, JSON.stringify(tally));
  assert.ok(tally.kept > 1000, JSON.stringify(tally));
  assert.ok(tally.evicted > 100, JSON.stringify(tally));
  assert.equal(tally.broken, 0, JSON.stringify(tally));
}

/** A machine that is busy with other things may look too late at all of them: then the storm goes on. */
async function breaks(t: TestContext, faulty: typeof protocol): Promise<void> {
  const withFault = { ...faulty, answers: patience.answers, untilBroken: true };
  let broken = 0;
  for (let round = 0; round < patience.rounds; round++) {
    const tally = await withFolder((root) => storm(root, withFault, patience.roundMs));
    figure(t, { ...tally });
    broken += tally.broken;
    if (broken > 0) break;
  }
  assert.ok(broken > 0);
}

async function withFolder<T>(work: (root: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'weir-storm-'));
  try {
    return await work(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

/** Ends when one that touches has what it wants and the others too, or one has seen enough. */
async function storm(
  root: string,
  settings: Omit<ActorSettings, 'root' | 'task' | 'number'>,
  mostMs = 7_200_000,
): Promise<Omit<Tally, 'promises' | 'absences'>> {
  await makeFolders(layoutOf(root));
  const tasks = ['touch', 'touch', 'touch', 'touch', 'evict', 'evict'] as const;
  const actors = tasks.map((task, number) => act(Object.assign({ root, task, number }, settings)));
  const touching = actors.filter((_, index) => tasks[index] === 'touch').map(({ tally }) => tally);
  const interrupting = setInterval(
    () => interrupt(actors.filter((_, index) => tasks[index] === 'evict')),
    150,
  );
  const late = new Promise((resolve) => setTimeout(resolve, mostMs).unref());
  try {
    await Promise.race([settings.untilBroken ? Promise.race(touching) : Promise.all(touching), late]);
  } finally {
    clearInterval(interrupting);
    for (const { child } of actors) child.stdin?.end();
  }
  const tallies = await Promise.all(actors.map(({ tally }) => tally));
  const sum = (field: Exclude<keyof Tally, 'promises' | 'absences'>) =>
    tallies.reduce((total, tally) => total + tally[field], 0);
  return {
    answers: sum('answers'),
    kept: sum('kept'),
    unseen: sum('unseen'),
    broken: sum('broken') + brokenByOthers(tallies),
    evicted: sum('evicted'),
    returned: sum('returned'),
  };
}

/** Any process may have to wait between any two calls: here one of the janitors, for so long that others get far. */
function interrupt(janitors: readonly { child: ChildProcess }[]): void {
  const child = janitors[Math.floor(Math.random() * janitors.length)]?.child;
  if (child?.kill('SIGSTOP') === true) setTimeout(() => child.kill('SIGCONT'), Math.random() * 4 * graceMs);
}

/** What one found absent while another had been promised that it stays. */
function brokenByOthers(tallies: readonly Tally[]): number {
  const promised = new Map<number, Span[]>();
  for (const span of tallies.flatMap(({ promises }) => promises))
    promised.set(span[0], [...(promised.get(span[0]) ?? []), span]);
  return tallies
    .flatMap(({ absences }) => absences)
    .filter(([blob, begun, ended]) =>
      (promised.get(blob) ?? []).some(([, since, ends]) => since < begun && ended < ends),
    ).length;
}

function act(settings: ActorSettings): { child: ChildProcess; tally: Promise<Tally> } {
  const actor = join(import.meta.dirname, '..', 'support', 'lease-actor.ts');
  const args = [...typeScript, '--disable-warning=ExperimentalWarning', actor, JSON.stringify(settings)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const tally = new Promise<Tally>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(said) as Tally);
      else reject(new Error(`an actor of the storm ended with ${code}`));
    });
  });
  return { child, tally };
}
