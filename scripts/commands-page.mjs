// Writes the options of every command into docs/commands.md, as `--help` has them.
//
//   node scripts/run.mjs --build scripts/commands-page.mjs [--check]
//
// --check changes nothing, and fails when the page is not what it would write.
import { writeParts } from './generated-parts.mjs';

// What was built: the sources need a Node that strips types.
const { weirProgram } = await import(new URL('../dist/cli/program.js', import.meta.url).href);
const helpWidth = 100;

/** The commands that do something, with their full names. */
function* runnable(command, name) {
  command.configureOutput({ getOutHelpWidth: () => helpWidth });
  const subcommands = command.commands.filter((each) => each.name() !== 'help');
  if (subcommands.length === 0) yield [name, `\`\`\`text\n${command.helpInformation().trimEnd()}\n\`\`\``];
  for (const each of subcommands) yield* runnable(each, `${name} ${each.name()}`);
}

await writeParts('docs/commands.md', runnable(await weirProgram(), 'weir'));
