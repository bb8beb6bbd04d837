import { Command } from 'commander';
import { certsCommand } from './certs.ts';
import { exitCodes } from './exit-codes.ts';
import { fsckCommand } from './fsck.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { serveCommand } from './serve.ts';
import { tokensCommand } from './tokens.ts';
import { version } from './version.ts';

const program = new Command('weir')
  .description('artifact cache server for BuildStream and every client of the Remote Execution API')
  .version(version)
  .addCommand(serveCommand())
  .addCommand(certsCommand())
  .addCommand(tokensCommand())
  .addCommand(fsckCommand())
  .addCommand(healthcheckCommand());

exitWithUsageCode(program);
await program.parseAsync();

/** A command line that makes no sense ends with the code for that, whichever command it was for. */
function exitWithUsageCode(command: Command): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.success : exitCodes.usage));
  for (const subcommand of command.commands) exitWithUsageCode(subcommand);
}
