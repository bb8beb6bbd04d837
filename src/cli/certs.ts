import { authorizeCommand } from './certs-authorize.ts';
import { initCommand } from './certs-init.ts';
import { issueCommand } from './certs-issue.ts';
import { listCommand } from './certs-list.ts';
import { revokeCommand } from './certs-revoke.ts';
import { syncCommand } from './certs-sync.ts';
import { Command } from './commander.ts';

/** `weir certs …`: who may push. */
export function certsCommand(): Command {
  return new Command('certs')
    .description('make certificates, say who may push, and keep the copy that nginx reads current')
    .addCommand(initCommand())
    .addCommand(issueCommand())
    .addCommand(authorizeCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addCommand(syncCommand());
}
