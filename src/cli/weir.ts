import type { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { weirProgram } from './program.ts';

const program = await weirProgram(process.argv[2]);
exitWithUsageCode(program);
await program.parseAsync();

/** A command line that makes no sense ends with the code for that, whichever command it was for. */
function exitWithUsageCode(command: Command): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.success : exitCodes.usage));
  for (const subcommand of command.commands) exitWithUsageCode(subcommand);
}
