import { randomBytes } from 'node:crypto';
import { tokenLine, tokenNamePattern } from '../core/access-tokens.ts';
import type { Role } from '../core/observer.ts';
import { Command, InvalidArgumentError, Option } from './commander.ts';

/** Random bytes of a token: nobody finds one by trying, so its plain hash may be kept in a file. */
const tokenBytes = 32;

/** `weir tokens new`. */
export function tokensCommand(): Command {
  const tokens = new Command('tokens').description('make access tokens, for the list that TOKENS_FILE names');
  tokens
    .command('new')
    .description('print a new token, which nothing keeps, and the line that lets its holder in')
    .argument('<name>', 'who gets it, for the log: letters, digits, . _ @ -', parseName)
    .addOption(new Option('--role <role>', 'what it allows').choices(['pull', 'push']).default('pull'))
    .option('--json', 'print one line of JSON', false)
    .action(newToken);
  return tokens;
}

function newToken(name: string, { role, json }: { role: Role; json: boolean }): void {
  // The prefix tells people and scanners of secrets what it is.
  const token = `weir_${randomBytes(tokenBytes).toString('base64url')}`;
  const line = tokenLine(name, role, token);
  if (json) {
    console.log(JSON.stringify({ name, role, token, line }));
    return;
  }
  console.log(
    [
      `The token, for ${name} (${role}). It is shown only now:`,
      '',
      token,
      '',
      'The line for the file that TOKENS_FILE names:',
      '',
      line,
    ].join('\n'),
  );
}

function parseName(value: string): string {
  if (!tokenNamePattern.test(value))
    throw new InvalidArgumentError('1 to 64 of letters, digits, . _ @ - are needed.');
  return value;
}
