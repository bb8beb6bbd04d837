// What somebody sees who waits for weir cp.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyReport, reporting } from '../../src/cli/cp-report.ts';
import { progressLine } from '../../src/cli/progress-line.ts';
import { weirBinary } from '../support/command.ts';
import { knownVolume } from '../support/known-volume.ts';
import { testWith } from '../support/real-parts.ts';
import { onTerminal } from '../support/terminal.ts';

testWith('script')('on a terminal cp shows how far it is, and leaves its report alone there', async (t) => {
  const { volume } = await knownVolume(t);
  const terminal = onTerminal(t, `'${process.execPath}' '${weirBinary}' cp '${volume}' '${volume}/copy'`, {
    HEAD_ROOM_MIN: '1e6',
  });
  assert.equal(await terminal.ended(), 0, terminal.text());
  const [shown = '', ...written] = terminal.text().split('\r\u001b[K').slice(1);
  assert.match(shown, /\d+(?: of \d+)? names {2}\d+ blobs? sent {2}/);
  assert.match(written.at(-1) ?? '', /^\d+ names copied, 0 there already/);
});

void test('a bar shows which part of the names is done, as soon as it is known how many there are', () => {
  const shown: string[] = [];
  const stream = { isTTY: true, columns: 100, write: (text: string) => shown.push(text) > 0 };
  const line = progressLine(stream as unknown as NodeJS.WriteStream);
  reporting(emptyReport('from', 'to', false), line, () => 4).ended('one', 'copied');
  assert.deepEqual(shown, [
    '\r\u001b[K[######------------------] 25%  1 of 4 names  0 blobs sent  0 B (0 B/s)',
  ]);
});

void test('where nobody looks there is no progress', () => {
  const shown: string[] = [];
  const stream = { isTTY: false, write: (text: string) => shown.push(text) > 0 };
  const line = progressLine(stream as unknown as NodeJS.WriteStream);
  reporting(emptyReport('from', 'to', false), line, () => 4).ended('one', 'copied');
  line.clear();
  assert.deepEqual(shown, []);
});
