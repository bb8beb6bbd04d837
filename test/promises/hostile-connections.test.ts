import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { memoryOf, openDescriptors } from '../support/fuzz-process.ts';
import type { AttackName } from '../support/hostile-connections.ts';
import type { AttackState } from '../support/hostile-process.ts';
import { figure, sized } from '../support/promise-size.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const MiB = 1024 * 1024;
const mostMemory = 512 * MiB;
const { rounds, slow, floods } = sized({
  short: { rounds: 100, slow: 20, floods: 1 },
  long: { rounds: 1000, slow: 143, floods: 2 },
});
/** Most that a healthy call may get slower by; asserted in the long size only, and twice what is promised. */
const mostTimesSlower = sized({ short: Infinity, long: 4 });
const slack = 8;
const of = (count: number, names: AttackName[]) => Object.fromEntries(names.map((name) => [name, count]));
const attacked = {
  'half-open and slow': of(slow, [
    'silent',
    'halfPreface',
    'noSettings',
    'halfHeaders',
    'idle',
    'slowMessage',
    'stalledMessage',
  ]),
  'resetting and flooding': of(floods, [
    'rapidReset',
    'longHeaders',
    'manyHeaders',
    'continuations',
    'emptyContinuations',
    'pings',
    'settings',
    'manyStalledCalls',
  ]),
};

describe('Beside hostile connections', () => {
  let weir: Weir;
  let healthy: Clients;
  let attackers: ChildProcess | undefined;

  before(async () => {
    weir = await startWeir({
      tcp: true,
      env: { HANDSHAKE_SECONDS: '5', CONNECTION_IDLE_SECONDS: '5', STREAM_IDLE_SECONDS: '5' },
    });
    healthy = clientsAt(weir.pushAddress);
  });

  after(async () => {
    attackers?.disconnect();
    healthy.close();
    await weir.stop();
  });

  for (const [kind, counts] of Object.entries(attacked)) {
    test(`that are ${kind}, healthy calls succeed, memory is bounded, and all of them are gone in the end`, async (t) => {
      const descriptors = await openDescriptors(weir.pid);
      const baseline = await workOf(healthy, rounds);
      const state: AttackState = { made: 0, open: 0 };
      attackers = attack(weir.pushAddress, counts, state);
      const wanted = Object.values(counts).reduce((sum, count) => sum + count, 0);
      await eventually(() => state.made >= wanted);
      const attackedWork = await workOf(healthy, rounds);
      const most = state.open;

      attackers.send('enough');
      await eventually(async () => (await openDescriptors(weir.pid)) <= descriptors + slack);
      attackers.disconnect();
      await once(attackers, 'exit');
      attackers = undefined;
      const memory = await memoryOf(weir.pid, 'most');
      const slower = percentile(attackedWork) / percentile(baseline);
      figure(t, {
        connections: state.made,
        atOnce: most,
        p99Ms: Number(percentile(baseline).toFixed(1)),
        p99AttackedMs: Number(percentile(attackedWork).toFixed(1)),
        timesSlower: Number(slower.toFixed(2)),
        mostMemoryMiB: Math.round(memory / MiB),
      });
      assert.ok(memory < mostMemory, `it took ${Math.round(memory / MiB)} MiB`);
      assert.ok(slower < mostTimesSlower, `healthy calls got ${slower} times slower`);
    });
  }
});

function attack(address: string, counts: object, state: AttackState): ChildProcess {
  const [host = '', port = ''] = address.split(':');
  const script = join(import.meta.dirname, '..', 'support', 'hostile-process.ts');
  const child = fork(script, [host, port, JSON.stringify(counts)]);
  child.on('message', (message) => Object.assign(state, message));
  return child;
}

/** What builds do, over and over: how long each call took, in milliseconds. Rejects when one fails. */
async function workOf(clients: Clients, rounds: number): Promise<number[]> {
  const times: number[] = [];
  const timed = async <T>(call: Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await call;
    times.push(performance.now() - begun);
    return result;
  };
  for (let round = 0; round < rounds; round++) {
    const [small, large] = [randomBlob(2000), randomBlob(200_000)];
    await timed(findMissing(clients, [small.digest, large.digest]));
    await timed(putBatch(clients, [small]));
    await timed(write(clients, uploadName(large), large.data));
    assert.deepEqual(await timed(read(clients, downloadName(large))), Buffer.from(large.data));
    assert.deepEqual(await timed(findMissing(clients, [small.digest, large.digest])), []);
  }
  return times;
}

function percentile(times: readonly number[], share = 0.99): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
