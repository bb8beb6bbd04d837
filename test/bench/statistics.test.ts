import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judged } from '../../bench/load/h2load.ts';
import { comparisons } from '../../bench/report/comparison.ts';
import { resultTable } from '../../bench/report/table.ts';
import type { ServerResult, WorkResult } from '../../bench/results.ts';
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
