import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, flameGraph } from '../../bench/report/flame-graph.ts';

/** `main` calls `work` from two places, which calls `native`; before that something else took a second. */
const profile: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 7]),
    node(2, '(idle)', ''),
    node(3, 'main', 'file:///weir/dist/rpc/main.js', [4, 5]),
    node(4, 'work<T>', 'file:///weir/dist/core/work.js', [6]),
    node(5, 'work<T>', 'file:///weir/dist/core/work.js'),
    node(6, 'native', ''),
    node(7, 'loading', 'node:internal/modules'),
  ],
  samples: [7, 2, 3, 4, 5, 6],
  timeDeltas: [1e6, 2e6, 1e5, 2e5, 3e5, 4e5],
};

test('a frame is as wide as what was seen in it and in what it called, of the seconds that are asked for', () => {
  const svg = flameGraph('some work', profile, 3);
  const shares = Object.fromEntries(
    [...svg.matchAll(/<title>([^:<]*?)(?: \S+:\d+)?: ([\d.]+)%<\/title>/g)].map(([, name, share]) => [
      name,
      Number(share),
    ]),
  );
  assert.deepEqual(shares, { all: 100, main: 100, 'work&lt;T&gt;': 90, native: 40 });
});

test('what came before is left out, and what waited', () => {
  assert.match(flameGraph('all of it', profile, 100), /loading/);
  assert.doesNotMatch(flameGraph('the end', profile, 3), /loading|idle/);
});

function node(id: number, functionName: string, url: string, children: number[] = []) {
  return { id, callFrame: { functionName, url, lineNumber: 0 }, children };
}
