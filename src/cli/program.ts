import { Command } from './commander.ts';
import { version } from './version.ts';

/** By their names, in the order of the help. Each loads what it needs, which for most of them is more than a server needs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  certs: async () => (await import('./certs.ts')).certsCommand(),
  tokens: async () => (await import('./tokens.ts')).tokensCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  ls: async () => (await import('./ls.ts')).lsCommand(),
  show: async () => (await import('./show.ts')).showCommand(),
  'why-missing': async () => (await import('./why-missing.ts')).whyMissingCommand(),
  du: async () => (await import('./du.ts')).duCommand(),
  pin: async () => (await import('./pin.ts')).pinCommand(),
  unpin: async () => (await import('./pin.ts')).unpinCommand(),
  purge: async () => (await import('./purge.ts')).purgeCommand(),
  cp: async () => (await import('./cp.ts')).cpCommand(),
  fsck: async () => (await import('./fsck.ts')).fsckCommand(),
  'nginx-config': async () => (await import('./nginx-config.ts')).nginxConfigCommand(),
  healthcheck: async () => (await import('./healthcheck.ts')).healthcheckCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(weirProgram),
};

/** All commands of `weir`, for whoever describes them; or the one of that name alone, for whoever runs it, if there is one. */
export async function weirProgram(name?: string): Promise<Command> {
  const program = new Command('weir')
    .description('artifact cache server for BuildStream and every client of the Remote Execution API')
    .version(version);
  const only = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  const wanted = only === undefined ? Object.values(commands) : [only];
  for (const command of await Promise.all(wanted.map((load) => load()))) program.addCommand(command);
  return program;
}
