// The README says what there is: settings, metrics, flags and limits, no more and no less.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { settings } from '../../src/config.ts';
import { maxMessageFields } from '../../src/core/message-fields.ts';
import { maxBatchBytes, maxMessageBytes, maxStreamsPerConnection } from '../../src/rpc/limits.ts';
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

test('the README has every setting with its default, and no other', () => {
  const rows = described('Settings', 'docker compose');
  assert.deepEqual(sorted(rows.keys()), sorted(Object.keys(settings)));
  for (const [name, { default: value }] of Object.entries(settings)) {
    const cell = rows.get(name) ?? '';
    // One without a default of its own depends on something: that takes words.
    if (value === undefined) assert.match(cell, /^[^`]{5,}$/, name);
    else assert.equal(cell, `\`${String(value)}\``, name);
  }
});

test('the README has every variable of docker-compose.yml with its default, and no other', () => {
  const rows = described('docker compose');
  const compose = page('docker-compose.yml') + page('docker-compose.tokens.yml');
  const uses = [...compose.matchAll(/\$\{(WEIR_[A-Z_]+):-([^}]*)\}/g)];
  assert.deepEqual(sorted(rows.keys()), sorted(uses.map(([, name = '']) => name)));
  for (const [, name = '', value = ''] of uses) {
    assert.equal(rows.get(name), value === '' ? '' : `\`${value}\``, name);
  }
});

test("the README has nginx's variables with their defaults", () => {
  const environment = page('nginx/Dockerfile').replaceAll('\\\n', '');
  const defaults = new Map(
    [...environment.matchAll(/(NGINX_[A-Z_]+)=("[^"]*"|\S+)/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll('"', ''),
    ]),
  );
  const rows = described('nginx');
  assert.ok(rows.size > 0);
  for (const [name, value] of rows) assert.equal(value, `\`${defaults.get(name)}\``, name);
});

test('the README names no setting or variable that does not exist', () => {
  const known = new Set([
    ...Object.keys(settings),
    ...described('docker compose').keys(),
    ...described('nginx').keys(),
    // BuildStream's, Node's, recc's, and one of the tour's own.
    'XDG_CACHE_HOME',
    'NODE_EXTRA_CA_CERTS',
    'RECC_SERVER',
    'CERTS',
  ]);
  // Environment assignments in examples, and names in backticks that look like settings.
  const assigned = [...readme.matchAll(/(?<![\w.])([A-Z][A-Z_]{3,})=/g)].map(([, name = '']) => name);
  const quoted = codeWords(readme).filter((word) => /^[A-Z]+(_[A-Z]+)+$/.test(word));
  assert.deepEqual(
    sorted([...assigned, ...quoted]).filter((name) => !known.has(name)),
    [],
  );
});

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
