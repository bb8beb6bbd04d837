// The page of commands says what --help says, and every page's examples are command lines that there are.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { type Command, CommanderError } from 'commander';

import { weirProgram } from '../../src/cli/program.ts';
import { codeWords, fencedBlocks, page, pages, project } from './documents.ts';

test('the options of every command are on the page, as --help prints them', () => {
  const script = join(project, 'scripts', 'commands-page.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
});

test('the command lines in the examples of every page can be run as they stand', async () => {
  const lines = pages.flatMap((path) =>
    fencedBlocks(page(path), 'sh')
      .flatMap((block) => block.replaceAll(/\\\n */g, '').split('\n'))
      .flatMap((line) => commandLines(line).map((words) => ({ path, words }))),
  );
  assert.ok(lines.length > 40, `found ${lines.length} command lines`);
  assert.deepEqual(await complaints(lines), []);
});

test('what sentences of every page call a command is one, with the options that they name', async () => {
  const named = pages
    // A decision describes the day it was taken.
    .filter((path) => !path.startsWith('docs/adr/'))
    .flatMap((path) =>
      codeWords(page(path)).flatMap((code) => commandLines(code).map((words) => ({ path, words }))),
    );
  assert.ok(named.length > 50, `found ${named.length} commands`);
  const unfinished = new Set([
    'commander.missingArgument',
    'commander.missingMandatoryOptionValue',
    'commander.optionMissingArgument',
    'commander.help',
  ]);
  assert.deepEqual(await complaints(named, unfinished), []);
});

interface Line {
  path: string;
  words: string[];
}

/** What the commands say of these arguments, but for the codes that are no matter. */
async function complaints(lines: Line[], noMatter = new Set<string>()): Promise<string[]> {
  const complained: string[] = [];
  for (const { path, words } of lines) {
    try {
      dry(await weirProgram(words[0])).parse(words, { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      const isAnswer = /^commander\.(?:helpDisplayed|version)$/.test(error.code);
      if (!isAnswer && !noMatter.has(error.code))
        complained.push(`${path}: weir ${words.join(' ')}: ${error.message}`);
    }
  }
  return complained;
}

/** Takes its arguments as ever, and then does nothing. */
function dry(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  command.commands.forEach(dry);
  return command;
}

/** The arguments of each `weir` on a line of a shell, whichever way it is called. */
function commandLines(line: string): string[][] {
  const words = line
    .replace(/(?:^| +)# .*$/, '')
    .match(/'[^']*'|"[^"]*"|\$\(|&&|\d?[<>]+|[|;()&…]|[^\s|;()<>&…'"]+/g);
  const commands: string[][] = [[]];
  for (const word of words ?? []) {
    if (/^(?:\$\(|&&|[|;()&])$/.test(word)) commands.push([]);
    else if (word !== '…') commands.at(-1)?.push(word);
  }
  return commands.flatMap((command) => {
    const plain = command.filter(
      (word, at) => !/[<>]$/.test(word) && !/^\d?[<>]+$/.test(command[at - 1] ?? ''),
    );
    const first = plain.findIndex((word) => !/^[A-Z_]+=/.test(word));
    const program = plain.findIndex(
      (word, at) =>
        /(?:^|\/)(?:bin\/weir|dist\/cli\/weir\.js)$/.test(word) || (at === first && word === 'weir'),
    );
    if (program === -1 || program === plain.length - 1) return [];
    return [plain.slice(program + 1).map((word) => word.replaceAll(/^['"]|['"]$/g, ''))];
  });
}
