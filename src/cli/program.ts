import { Command } from 'commander';
import { certsCommand } from './certs.ts';
import { completionCommand } from './completion.ts';
import { cpCommand } from './cp.ts';
import { duCommand } from './du.ts';
import { fsckCommand } from './fsck.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { lsCommand } from './ls.ts';
import { nginxConfigCommand } from './nginx-config.ts';
import { pinCommand, unpinCommand } from './pin.ts';
import { purgeCommand } from './purge.ts';
import { serveCommand } from './serve.ts';
import { showCommand } from './show.ts';
import { statusCommand } from './status.ts';
import { tokensCommand } from './tokens.ts';
import { version } from './version.ts';
import { whyMissingCommand } from './why-missing.ts';

/** All commands of `weir`, for the one that runs and for whoever describes them. */
export function weirProgram(): Command {
  return new Command('weir')
    .description('artifact cache server for BuildStream and every client of the Remote Execution API')
    .version(version)
    .addCommand(serveCommand())
    .addCommand(certsCommand())
    .addCommand(tokensCommand())
    .addCommand(statusCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(whyMissingCommand())
    .addCommand(duCommand())
    .addCommand(pinCommand())
    .addCommand(unpinCommand())
    .addCommand(purgeCommand())
    .addCommand(cpCommand())
    .addCommand(fsckCommand())
    .addCommand(nginxConfigCommand())
    .addCommand(healthcheckCommand())
    .addCommand(completionCommand());
}
