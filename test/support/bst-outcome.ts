// What a user of `bst` has to see.
import assert from 'node:assert/strict';

import type { Outcome } from './bst-process.ts';

/** The run ended with this code, said all of this, and was no crash. */
export function assertOutcome({ code, output }: Outcome, expectedCode: number, ...sentences: RegExp[]): void {
  assert.equal(code, expectedCode, `bst ended with ${code}, not ${expectedCode}:\n${output}`);
  // How 1.6 shows an exception that it did not expect.
  assert.ok(!/Traceback|\bBUG\b/.test(output), `the client crashed:\n${output}`);
  // A job that failed and was tried again does not show in the exit code.
  if (expectedCode === 0) assert.ok(!/FAILURE/.test(output), `something failed on the way:\n${output}`);
  for (const sentence of sentences) assert.ok(sentence.test(output), `${sentence} is not in:\n${output}`);
}

// The words of 1.6 for what matters to a cache.
export const says = {
  pushed: /INFO +Pushed artifact/,
  pulled: /INFO +Pulled artifact/,
  built: /Build Queue: +processed [1-9]/,
  nothingBuilt: /Build Queue: +processed 0/,
  notCached: /INFO +Remote \(.*\) does not have \w+ cached/,
  alreadyCached: /INFO +Remote \(.*\) already has \w+ cached/,
  pushSkipped: /SKIPPED Push/,
  pullSkipped: /SKIPPED Pull/,
  /** The remote is left out of the session, with the server's or the transport's sentence. */
  remoteRefused: (sentence: string): RegExp =>
    new RegExp(`WARNING Failed to initialize remote https?://\\S+: .*${sentence}`),
  noPushRemote: /No artifact caches available for pushing artifacts/,
  noPullRemote: /No artifact caches available for pulling artifacts/,
};
