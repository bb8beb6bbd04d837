// docs/settings.md has every setting as the code has it, and no page names one that there is not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Command } from 'commander';

import { weirProgram } from '../../src/cli/program.ts';
import { settings } from '../../src/config/config.ts';
import { codeWords, page, pages, project, section, tableRows } from './documents.ts';

const guide = page('docs/settings.md');

/** Rows of the tables of a text: the first cell's words, and the second cell. */
function described(text: string): Map<string, string> {
  const rows = tableRows(text).flatMap(([names = '', value = '']) =>
    codeWords(names).map((name) => [name, value] as const),
  );
  return new Map(rows);
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

const ofCompose = described(section(guide, 'docker compose'));
const ofNginx = described(section(guide, 'nginx'));

test('the settings on the pages are what the code says', () => {
  const script = join(project, 'scripts', 'settings-page.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
});

test('every setting that the server reads has its row, and the README has a few of them', () => {
  const others = new Set([...ofCompose.keys(), ...ofNginx.keys()]);
  const rows = [...described(guide).keys()].filter((name) => !others.has(name));
  assert.deepEqual(sorted(rows), sorted(Object.keys(settings)));
  const few = [...described(section(page('README.md'), 'Settings')).keys()];
  assert.ok(few.length >= 8 && few.length <= 12, few.join(' '));
});

test('docs/settings.md has every variable of docker-compose.yml with its default, and no other', () => {
  const compose = page('docker-compose.yml') + page('docker-compose.tokens.yml');
  const uses = [...compose.matchAll(/\$\{(WEIR_[A-Z_]+):-([^}]*)\}/g)];
  assert.deepEqual(sorted(ofCompose.keys()), sorted(uses.map(([, name = '']) => name)));
  for (const [, name = '', value = ''] of uses) {
    assert.equal(ofCompose.get(name), value === '' ? '' : `\`${value}\``, name);
  }
});

test("docs/settings.md has nginx's variables with their defaults", () => {
  const environment = page('nginx/Dockerfile').replaceAll('\\\n', '');
  const defaults = new Map(
    [...environment.matchAll(/(NGINX_[A-Z_]+)=("[^"]*"|\S+)/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll('"', ''),
    ]),
  );
  assert.ok(ofNginx.size > 0);
  for (const [name, value] of ofNginx) assert.equal(value, `\`${defaults.get(name)}\``, name);
});

/** Variables of others that pages speak of: of systems, of our tests, of an example itself. */
const ofOthers = [
  'NAME',
  'PATH',
  'XDG_CACHE_HOME',
  'NODE_EXTRA_CA_CERTS',
  'COMPOSE_PROFILES',
  'CERTS',
  'WEIR_TEST_SEED',
  'WEIR_TEST_SERVER',
  'WEIR_BENCH_BAZEL_REMOTE',
  'WEIR_BENCH_BB_STORAGE',
];

/** Variables that stand for options of commands. */
function ofOptions({ options, commands }: Command): string[] {
  return [...options.flatMap(({ envVar = [] }) => envVar), ...commands.flatMap(ofOptions)];
}

const ofClients = /^(?:RECC|CMAKE)_/;

test('pages for users name no setting or variable that does not exist', async () => {
  const known = new Set([
    ...Object.keys(settings),
    ...ofCompose.keys(),
    ...ofNginx.keys(),
    ...(page('nginx/reload-on-change.sh').match(/\bNGINX_[A-Z]+\b/g) ?? []),
    ...ofOptions(await weirProgram()),
    ...ofOthers,
  ]);
  const found = pages
    .filter((path) => !/^(?:docs\/adr|CHANGELOG)/.test(path))
    .flatMap((path) => {
      const text = page(path);
      // Environment assignments in examples, and names in backticks that look like settings.
      const assigned = [...text.matchAll(/(?<![\w.])([A-Z][A-Z_]{3,})=/g)].map(([, name = '']) => name);
      const quoted = codeWords(text).filter((word) => /^[A-Z]+(_[A-Z]+)+$/.test(word));
      return sorted([...assigned, ...quoted])
        .filter((name) => !known.has(name) && !ofClients.test(name))
        .map((name) => `${path}: ${name}`);
    });
  assert.deepEqual(found, []);
});
