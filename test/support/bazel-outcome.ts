// What a user of Bazel has to see.
import assert from 'node:assert/strict';

import type { Build } from './bazel.ts';
import { actionCount } from './bazel-workspace.ts';

/** Everything came from the cache. */
export const allCached = { 'remote cache hit': actionCount };
/** Everything was built here. */
export const noneCached = { local: actionCount };

/** The build succeeded without a word of trouble, and its actions' results came about in these ways. */
export function assertBuilt({ code, output, actions }: Build, ways: Record<string, number>): void {
  assert.equal(code, 0, `bazel ended with ${code}:\n${output}`);
  assert.ok(!/WARNING|ERROR/.test(output), `something failed on the way:\n${output}`);
  const { internal: _, ...counted } = actions;
  assert.deepEqual(counted, ways, output);
}

/** The build succeeded; what the cache refused or lost is a warning with these words. */
export function assertWarned({ code, output }: Build, ...sentences: RegExp[]): void {
  assert.equal(code, 0, `bazel ended with ${code}:\n${output}`);
  for (const sentence of [/^WARNING: /m, ...sentences])
    assert.ok(sentence.test(output), `${sentence} is not in:\n${output}`);
}

/** Bazel does not begin to build, for the reason in these words. */
export function assertRefused({ code, output }: Build, ...sentences: RegExp[]): void {
  // 34: what it is to work with remotely does not work.
  assert.equal(code, 34, `bazel ended with ${code}, not 34:\n${output}`);
  for (const sentence of [/^ERROR: /m, ...sentences])
    assert.ok(sentence.test(output), `${sentence} is not in:\n${output}`);
}
