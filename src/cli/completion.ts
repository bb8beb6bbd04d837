import { Argument, Command } from 'commander';
import { endWithoutReader } from './broken-pipe.ts';
import { commandTree } from './command-tree.ts';
import { completionScript, type Shell, shells } from './completion-scripts.ts';

/** `weir completion`: for a shell to complete commands and options. */
export function completionCommand(): Command {
  const command = new Command('completion');
  return command
    .description('print what makes a shell complete weir: source <(weir completion bash)')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .action((shell: Shell) => {
      endWithoutReader();
      process.stdout.write(completionScript(shell, commandTree(command.parent ?? command)));
    });
}
