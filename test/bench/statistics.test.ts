import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judged, p99Of } from '../../bench/load/h2load.ts';
import { drawn } from '../../bench/load/numbered-blobs.ts';
import { comparisons } from '../../bench/report/comparison.ts';
import { repeats } from '../../bench/report/repeats.ts';
import { mostFallOf, mostGrowthOf, seriesTables } from '../../bench/report/series.ts';
import { resultTable } from '../../bench/report/table.ts';
import { allServers, type ServerResult, type WorkResult } from '../../bench/results.ts';
import { ratios, spreadOf } from '../../bench/statistics.ts';

test('the median of an even number of rounds lies between the middle two', () => {
  assert.deepEqual(spreadOf([9, 1, 4, 2]), { median: 3, min: 1, max: 9 });
  assert.deepEqual(spreadOf([5]), { median: 5, min: 5, max: 5 });
  assert.throws(() => spreadOf([]));
});

test('a round is compared with the same round of the other server, not with its median', () => {
  // The machine was three times as slow in the second round, for both.
  assert.deepEqual(ratios([300, 100, 330], [150, 50, 110]), { median: 2, min: 2, max: 3 });
});

test('the goal of the fastest peer is asked of the fastest, and a miss is said', () => {
  const result = resultOf('read', [1, 2, 3], { 'bst-artifact-server': [1, 1, 1], 'bazel-remote': [4, 4, 4] });
  const goals = comparisons(result).map(({ peer, isFastest, goal }) => ({ peer, isFastest, goal }));
  assert.deepEqual(goals, [
    { peer: 'bst-artifact-server', isFastest: false, goal: 1.3 },
    { peer: 'bazel-remote', isFastest: true, goal: 1 },
  ]);
  const [reference, fastest] = resultTable([result]).split('\n').slice(2);
  assert.match(reference ?? '', /\| 2 \(1–3\) +\| 1\.3 \|/);
  assert.match(fastest ?? '', /bazel-remote \(fastest\) \| 0\.5 \(0\.25–0\.75\) \| 1: \*\*missed\*\* \|/);
});

test('peers that acknowledge what a power cut can take are not who has to be beaten at what is synced', () => {
  const result = resultOf('batch-update-named', [2], { 'bb-storage': [9], 'bazel-remote': [1] });
  const goals = comparisons(result).map(({ isFastest, goal }) => ({ isFastest, goal }));
  assert.deepEqual(goals, [
    { isFastest: true, goal: undefined },
    { isFastest: false, goal: 1 },
  ]);
});

test('what the machine allows has a goal of its own, and is nobody to be the fastest', () => {
  const result = resultOf('write', [3], { 'bazel-remote': [2], 'SHA-256 on each core': [4] });
  const goals = comparisons(result).map(({ peer, isFastest, goal }) => ({ peer, isFastest, goal }));
  assert.deepEqual(goals, [
    { peer: 'bazel-remote', isFastest: true, goal: 1 },
    { peer: 'SHA-256 on each core', isFastest: false, goal: 0.9 },
  ]);
});

test('where computing has a goal, more of it than a peer takes is a miss', () => {
  const rowOf = (cpuSeconds: number) => {
    const { servers, ...result } = resultOf('read', [2], { 'bazel-remote': [1] });
    const [weir, ...peers] = servers;
    assert.ok(weir !== undefined);
    const rounds = weir.rounds.map((round) => ({ ...round, cpuSeconds }));
    return resultTable([{ ...result, servers: [{ ...weir, rounds }, ...peers] }]).split('\n')[2] ?? '';
  };
  assert.match(rowOf(1), /\| 500 ms \| 500 ms \|/);
  assert.match(rowOf(1.2), /\| 600 ms, more than the peer's: \*\*missed\*\* \| 500 ms \|/);
});

test('two runs are compared where they are of the same Weir', () => {
  const first = resultOf('unary', [3, 4, 5], { 'bazel-remote': [2, 2, 2], 'buildbox-casd': [1, 1, 1] });
  const near = resultOf('unary', [5, 6, 7], { 'bazel-remote': [2, 2, 2] });
  const row = repeats([first], [near]).split('\n').at(-1);
  assert.match(row ?? '', /\| bazel-remote \| +2 \(1\.5–2\.5\) \| 3 \(2\.5–3\.5\) \| \+50% \| yes \|/);
  const far = resultOf('unary', [6, 6, 7], { 'bazel-remote': [2, 2, 2] });
  assert.match(repeats([first], [far]), /\| \+50% \| no \|$/);
  const [weir, ...peers] = far.servers;
  assert.ok(weir !== undefined);
  assert.equal(repeats([first], [{ ...far, servers: [{ ...weir, version: '2' }, ...peers] }]), '');
});

test('calls that failed behind an HTTP status of 200 are no success', () => {
  const printed = (data: number) =>
    [
      'finished in 250.00ms, 40.00 req/s, 4.00KB/s',
      'requests: 10 total, 10 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout',
      `traffic: 1.00KB (1024) total, 100B (100) headers (space savings 90.00%), 1B (${data}) data`,
    ].join('\n');
  assert.equal(judged(printed(50), 10, 5), 0.25);
  assert.throws(() => judged(printed(45), 10, 5), /not all of 10 calls had an answer of 5 bytes/);
  assert.throws(() => judged(printed(50), 11, 5), /not all of 11/);
});

test('a run is shown by its time, which is missed where it takes too long', () => {
  // A run in 4 s of Weir, in 2 s of the reference.
  const result = resultOf('get-reference-first', [0.25], { 'bst-artifact-server': [0.5] });
  const [row] = resultTable([result]).split('\n').slice(2);
  assert.match(row ?? '', /\| 0\.5 \(0\.5–0\.5\) +\| 3: \*\*missed\*\* \| 4 s \| 2 s \|/);
});

test('memory has a goal of its own, of Weir alone', () => {
  const rowOf = (peakBytes: number) => {
    const result = resultOf('start-1000000', [10], { 'bazel-remote': [1] });
    const [weir, ...peers] = result.servers;
    assert.ok(weir !== undefined);
    return resultTable([{ ...result, servers: [{ ...weir, peakBytes }, ...peers] }]).split('\n')[2] ?? '';
  };
  assert.match(rowOf(150e6), /\| 150 MB, goal 200 MB \| 100 MB \|$/);
  assert.match(rowOf(201e6), /\| 201 MB, goal 200 MB: \*\*missed\*\* \| 100 MB \|$/);
});

test('what a machine cannot measure is a row that says why', () => {
  const absent = [
    { server: 'bb-storage', reason: 'not to be had' },
    { server: allServers, reason: 'only root may' },
  ];
  const [row] = resultTable([{ ...resultOf('batch-read-cold', [], {}), servers: [], absent }])
    .split('\n')
    .slice(2);
  assert.match(row ?? '', /bytes, cold \| not measured: only root may \|/);
});

test('the 99th percentile is the least time that 99 of 100 calls did not exceed', () => {
  const log = (took: number[]) => took.map((each) => `1796000000000000\t200\t${each}\n`).join('');
  const hundred = Array.from({ length: 100 }, (_, index) => (100 - index) * 1000);
  assert.equal(p99Of(log(hundred)), 0.099);
  assert.equal(p99Of(log([...hundred, 5_000_000])), 0.1);
  assert.equal(p99Of(log([7])), 7e-6);
  assert.throws(() => p99Of(''));
});

test('throughput may fall from an earlier peak by a fifth, and may always rise', () => {
  assert.equal(mostFallOf([10, 100, 80, 90]), 1 - 80 / 100);
  assert.equal(mostFallOf([1, 2, 3]), 0);
  const results = [1, 10, 100].map((clients, index) =>
    resultOf(`clients-${clients}`, [[50, 100, 79][index] ?? 0], { 'bazel-remote': [1] }),
  );
  const tables = seriesTables(results);
  assert.match(tables, /\| weir \| 50\/s \| 100\/s \| 79\/s \| 21% \| 20%: \*\*missed\*\* \|/);
  assert.match(tables, /\| bazel-remote \| 1\/s \| 1\/s \| 1\/s \| 0% \| {2}\|/);
  assert.doesNotMatch(tables, /percentile/, 'nothing was timed');
});

test('latency in proportion to the load is no miss, and more is one', () => {
  const at = (...values: number[]) => values.map((value, index) => ({ size: 10 ** index, value }));
  assert.equal(mostGrowthOf(at(1, 10, 100)), 1);
  assert.equal(mostGrowthOf(at(1, 2, 30)), 1.5);
  const timed = (p99: number, clients: number): WorkResult => {
    const result = resultOf(`clients-${clients}`, [1], {});
    const servers = result.servers.map((server) => ({
      ...server,
      rounds: server.rounds.map((round) => ({ ...round, p99 })),
    }));
    return { ...result, servers };
  };
  assert.match(seriesTables([timed(0.001, 1), timed(0.011, 10)]), /\| 1 ms \| 11 ms \| 1\.1 \| 1\.2 \|/);
  const missed = seriesTables([timed(0.001, 1), timed(0.013, 10)]);
  assert.match(missed, /\| 1 ms \| 13 ms \| 1\.3 \| 1\.2: \*\*missed\*\* \|/);
});

test('calls about what is stored come by all of it before any of it is met again', () => {
  const stored = { count: 1000, bytes: 8 };
  const hashes = Array.from({ length: 10 }, (_, call) => drawn(stored, 31 + call, 100)).flat();
  assert.equal(new Set(hashes.map(({ digest }) => digest.hash)).size, 1000);
});

/** Of rounds that did so many units in a second each. */
function resultOf(work: string, weir: number[], peers: Record<string, number[]>): WorkResult {
  const servers = Object.entries({ weir, ...peers }).map(([server, units]): ServerResult => ({
    server,
    version: '1',
    rounds: units.map((each) => ({ units: each, seconds: 1, cpuSeconds: 0.5 })),
    peakBytes: 1e8,
  }));
  return { work, date: '2026-11-29', machine: 'a machine', otherCores: 0, servers, absent: [] };
}
