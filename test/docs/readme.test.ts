// The README says what there is: flags and limits, no more and no less.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { maxMessageFields } from '../../src/core/message-fields.ts';
import { maxMessageBytes, maxStreamsPerConnection } from '../../src/grpc/limits.ts';
import { maxBatchBytes } from '../../src/rpc/limits.ts';
import { treeBounds } from '../../src/store/tree-bounds.ts';
import { codeWords, page, project, section, tableRows } from './documents.ts';

const readme = page('README.md');

/** Rows of the tables right under a heading: the first cell's words, and the second cell. */
function described(heading: string, until?: string): Map<string, string> {
  let text = section(readme, heading);
  if (until !== undefined) text = text.slice(0, text.indexOf(`### ${until}`));
  const rows = tableRows(text).flatMap(([names = '', value = '']) =>
    codeWords(names).map((name) => [name, value] as const),
  );
  return new Map(rows);
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

test('the README has every flag of bst-artifact-server, and no other', () => {
  const help = execFileSync(process.execPath, [join(project, 'bin', 'bst-artifact-server'), '--help'], {
    encoding: 'utf8',
  });
  const flags = [...help.matchAll(/(?<=^ +(?:-p, )?)(?:-p(?=,)|--[a-z-]+)/gm)].map(([flag]) => flag);
  assert.ok(flags.length > 5);
  assert.deepEqual(sorted(described('One process without a proxy').keys()), sorted(flags));
});

test('the README has the limits that the server keeps', () => {
  const limits = section(readme, 'Limits');
  const mebibytes = (bytes: number) => `${bytes / 1024 / 1024} MiB`;
  const count = (value: number) => value.toLocaleString('en-US');
  for (const limit of [
    count(maxBatchBytes),
    mebibytes(maxMessageBytes),
    count(maxMessageFields),
    count(maxStreamsPerConnection),
    count(treeBounds.blobs),
    count(treeBounds.depth),
    count(treeBounds.directoryEntries),
    mebibytes(treeBounds.directoryBytes),
    mebibytes(treeBounds.totalDirectoryBytes),
  ]) {
    assert.ok(limits.includes(limit), `${limit} is not among the limits`);
  }
});
