// The page of commands says what --help says, and its examples use options that there are.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fencedBlocks, page, project, section } from './documents.ts';

const commands = page('docs/commands.md');

test('the options of every command are on the page, as --help prints them', () => {
  const script = join(project, 'scripts', 'commands-page.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
});

test('the examples of the page use commands and options that there are', () => {
  const lines = fencedBlocks(commands, 'sh').flatMap((block) => block.split('\n'));
  const used = lines.flatMap((line) => {
    const [, words = ''] = /(?:^|\()weir ((?:[a-z-]+ ?)+.*)$/.exec(line.replace(/ +#.*$/, '')) ?? [];
    return words === '' ? [] : [words.split(/[\s)]+/)];
  });
  assert.ok(used.length > 10);
  for (const [command = '', ...words] of used) {
    const ofCommand = section(commands, `weir ${command}`);
    for (const option of words.filter((word) => word.startsWith('-')))
      assert.match(ofCommand, new RegExp(`^ {2}(?:-\\w, )?${option}\\b`, 'm'), `${command} ${option}`);
  }
});
