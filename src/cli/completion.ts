import { endWithoutReader } from './broken-pipe.ts';
import { commandTree } from './command-tree.ts';
import { Argument, Command } from './commander.ts';
import { completionScript, type Shell, shells } from './completion-scripts.ts';

/** `weir completion`: for a shell to complete commands and options. `program`: all there are. */
export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .description('print what makes a shell complete weir: source <(weir completion bash)')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .action(async (shell: Shell) => {
      endWithoutReader();
      process.stdout.write(completionScript(shell, commandTree(await program())));
    });
}
