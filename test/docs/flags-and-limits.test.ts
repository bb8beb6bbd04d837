// The pages say which flags and limits there are, no more and no less.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { maxMessageFields } from '../../src/core/message-fields.ts';
import { maxMessageBytes } from '../../src/grpc/limits.ts';
import { maxConcurrentStreams } from '../../src/http2/limits.ts';
import { maxBatchBytes } from '../../src/rpc/limits.ts';
import { treeBounds } from '../../src/store/tree-bounds.ts';
import { codeWords, page, project, tableRows } from './documents.ts';

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

test('docs/bst-artifact-server.md has every flag, and no other', () => {
  const help = execFileSync(process.execPath, [join(project, 'bin', 'bst-artifact-server'), '--help'], {
    encoding: 'utf8',
  });
  const flags = [...help.matchAll(/(?<=^ +(?:-p, )?)(?:-p(?=,)|--[a-z-]+)/gm)].map(([flag]) => flag);
  assert.ok(flags.length > 5);
  const rows = tableRows(page('docs/bst-artifact-server.md'));
  assert.deepEqual(sorted(rows.flatMap(([names = '']) => codeWords(names))), sorted(flags));
});

test('docs/limits.md has the limits that the server keeps', () => {
  const limits = page('docs/limits.md');
  const mebibytes = (bytes: number) => `${bytes / 1024 / 1024} MiB`;
  const count = (value: number) => value.toLocaleString('en-US');
  for (const limit of [
    count(maxBatchBytes),
    mebibytes(maxMessageBytes),
    count(maxMessageFields),
    count(maxConcurrentStreams),
    count(treeBounds.blobs),
    count(treeBounds.depth),
    count(treeBounds.directoryEntries),
    mebibytes(treeBounds.directoryBytes),
    mebibytes(treeBounds.totalDirectoryBytes),
  ]) {
    assert.ok(limits.includes(limit), `${limit} is not among the limits`);
  }
});
