// Writes the options of every command into docs/commands.md, as `--help` has them: between a line that says
// "generated: weir COMMAND" and the next "end". A command without a place gets a section at the end.
//
//   node scripts/run.mjs --build scripts/commands-page.mjs [--check]
//
// --check changes nothing, and fails when the page is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const page = join(import.meta.dirname, '..', 'docs', 'commands.md');
// What was built: the sources need a Node that strips types.
const { weirProgram } = await import(new URL('../dist/cli/program.js', import.meta.url).href);
const helpWidth = 100;

/** The commands that do something, with their full names. */
function* runnable(command, name) {
  command.configureOutput({ getOutHelpWidth: () => helpWidth });
  const subcommands = command.commands.filter((each) => each.name() !== 'help');
  if (subcommands.length === 0) yield { name, command };
  for (const each of subcommands) yield* runnable(each, `${name} ${each.name()}`);
}

const begin = (name) => `<!-- generated: ${name} -->`;
const end = '<!-- end -->';
const before = readFileSync(page, 'utf8');
let text = before;
for (const { name, command } of runnable(weirProgram(), 'weir')) {
  if (!text.includes(begin(name))) text = `${text.trimEnd()}\n\n## ${name}\n\n${begin(name)}\n\n${end}\n`;
  const from = text.indexOf(begin(name)) + begin(name).length;
  const to = text.indexOf(end, from);
  if (to === -1) throw new Error(`docs/commands.md: there is no end of ${name}`);
  const help = command.helpInformation().trimEnd();
  text = `${text.slice(0, from)}\n\n\`\`\`text\n${help}\n\`\`\`\n\n${text.slice(to)}`;
}

if (text === before) process.exit(0);
if (process.argv.includes('--check')) {
  console.error(
    'docs/commands.md is not what --help says; run: node scripts/run.mjs --build scripts/commands-page.mjs',
  );
  process.exit(1);
}
writeFileSync(page, text);
