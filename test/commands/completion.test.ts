import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { printed, weirCommand } from '../support/command.ts';
import { freshVolume } from '../support/on-volume.ts';
import { testWith } from '../support/real-parts.ts';
import { onTerminal } from '../support/terminal.ts';

/** The script for a shell in a file; and all commands that the help text names. */
async function completionOf(t: TestContext, shell: string) {
  const folder = await freshVolume(t);
  const file = join(folder, `completion.${shell}`);
  await writeFile(file, await printed(0, 'completion', shell));
  const help = await printed(0, '--help');
  const commands = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+)/gm)].map(
    ([, name = '']) => name,
  );
  assert.ok(commands.length > 8);
  return { folder, file, commands: commands.filter((name) => name !== 'help').sort() };
}

/**
 * What the keys complete to, from its begin: the shell has a function in place of weir that prints what it was called
 * with. Shells differ in whether they leave the slash behind a folder.
 */
const typed: readonly [keys: string, ran: string][] = [
  ['weir sta\t --js\t', 'status --json'],
  ['weir certs in\t', 'certs init'],
  ['weir ls --kind ac\t', 'ls --kind action'],
  ['weir ls --volume /us\t', 'ls --volume /usr'],
  ['weir ls --volume show --cou\t', 'ls --volume show --count'],
  ['weir compl\t zs\t', 'completion zsh'],
];

testWith('script')('bash completes commands, options and the values of options', async (t) => {
  const { folder, file, commands } = await completionOf(t, 'bash');
  const offered = execFileSync(
    'bash',
    ['-c', `source "$0"; COMP_WORDS=(weir ''); COMP_CWORD=1; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`, file],
    { encoding: 'utf8' },
  );
  const words = offered.split('\n').filter((word) => /^[a-z]/.test(word));
  assert.deepEqual(words.sort(), commands);
  const terminal = onTerminal(t, 'bash --norc --noprofile -i', {
    HOME: folder,
    HISTFILE: '',
    INPUTRC: '/dev/null',
  });
  terminal.type(`source ${file}; weir() { echo "<$*>"; }; echo rea''dy\n`);
  await terminal.shows('ready\r\n');
  for (const [keys, ran] of typed) {
    terminal.type(`${keys}\n`);
    await terminal.shows(`<${ran}`);
  }
  terminal.type('exit\n');
  assert.equal(await terminal.ended(), 0);
});

testWith('script', 'zsh')('zsh completes commands, options and the values of options', async (t) => {
  const { folder, file } = await completionOf(t, 'zsh');
  const terminal = onTerminal(t, 'zsh -f -i', { HOME: folder, ZDOTDIR: folder });
  terminal.type(
    `autoload -Uz compinit; compinit -u -D; source ${file}; weir() { echo "<$*>" }; echo rea''dy\n`,
  );
  await terminal.shows('ready\r\n');
  for (const [keys, ran] of typed) {
    terminal.type(`${keys}\n`);
    await terminal.shows(`<${ran}`);
  }
  terminal.type('exit\n');
  assert.equal(await terminal.ended(), 0);
});

testWith('fish')('fish completes commands, options and the values of options', async (t) => {
  const { folder, file, commands } = await completionOf(t, 'fish');
  const complete = (line: string) =>
    execFileSync('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, LANG: 'C.UTF-8' },
    })
      .split('\n')
      .filter((each) => each !== '')
      .map((each) => each.split('\t')[0] ?? '');
  assert.deepEqual(complete('weir ').sort(), commands);
  assert.deepEqual(complete('weir certs in'), ['init']);
  assert.deepEqual(complete('weir ls --kind ac'), ['action']);
  assert.deepEqual(complete('weir status --js'), ['--json']);
  assert.deepEqual(complete('weir ls --volume show --cou'), ['--count']);
  assert.ok(complete('weir ls --volume /us').includes('/usr/'));
});

void test('a shell that there is no completion for is a usage error', async () => {
  const { code, err } = await weirCommand('completion', 'tcsh');
  assert.equal(code, 2);
  assert.match(err, /bash, zsh, fish/);
});
