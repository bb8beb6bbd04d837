import { Command } from 'commander';
import { type App, type AppOptions, startApp } from '../app.ts';
import { type Config, ConfigError, readConfig, settings } from '../config.ts';
import type { ListenerOptions } from '../rpc/listener.ts';
import { runUntilStopped } from '../server-process.ts';
import { winstonLogger } from '../telemetry/logger.ts';
import { exitCodes } from './exit-codes.ts';

/** `weir serve`: the server, configured by its environment. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('serve a cache on the pull, push and operations listeners')
    .addHelpText('after', `\nSettings, as environment variables:\n${settingsTable()}`)
    .action(serve);
}

async function serve(): Promise<void> {
  let config: Config;
  try {
    config = readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(
      `weir: these settings cannot be used (weir serve --help lists all)\n${error.message}\n`,
    );
    process.exit(exitCodes.usage);
  }
  const logger = winstonLogger({ level: config.logLevel, format: config.logFormat });
  try {
    const app = await startApp(appOptions(config), logger);
    runUntilStopped(app, logger);
    process.stdout.write(banner(config, app));
    logger.info('serving', {
      pull: config.pullListen,
      push: config.pushListen,
      ops: config.opsListen,
      ports: Object.fromEntries(app.listeners.map(({ role, port }) => [role, port])),
      opsPort: app.opsPort,
      volume: config.volume,
    });
  } catch (error) {
    logger.error(error instanceof Error ? error.message : String(error));
    process.exit(exitCodes.failure);
  }
}

function appOptions(config: Config): AppOptions {
  return {
    volume: {
      root: config.volume,
      headRoomMin: config.headRoomMin,
      headRoomMax: config.headRoomMax,
      quotaBytes: config.quotaBytes,
    },
    listeners: [
      listener(config, 'pull', config.pullListen),
      ...(config.pushListen === undefined ? [] : [listener(config, 'push', config.pushListen)]),
    ],
    opsListen: config.opsListen,
    leaseMs: config.leaseSeconds * 1000,
    uploadResumeMs: config.uploadResumeSeconds * 1000,
    drainMs: config.drainSeconds * 1000,
  };
}

function listener(config: Config, role: ListenerOptions['role'], address: string): ListenerOptions {
  // Only the proxy reaches a socket file, so what it says of the client is believed there and nowhere else.
  const identified = address.startsWith('unix:');
  return { role, address, identified, pushHint: config.pushHint, reflection: config.reflection };
}

/** How to use this server from BuildStream; nothing where a proxy stands in front and knows the addresses. */
function banner(config: Config, app: App): string {
  if (config.pullListen.startsWith('unix:')) return '';
  const url = (role: ListenerOptions['role'], address: string) => {
    const port = app.listeners.find((candidate) => candidate.role === role)?.port;
    return `http://${address.slice(0, address.lastIndexOf(':')).replace('127.0.0.1', 'localhost')}:${port}`;
  };
  const push = config.pushListen;
  return [
    'Weir serves. To use it from BuildStream 1.x, put this into ~/.config/buildstream.conf (pull and push):',
    '',
    'artifacts:',
    push === undefined
      ? `  url: ${url('pull', config.pullListen)}`
      : `  url: ${url('push', push)}\n  push: true`,
    '',
    ...(push === undefined ? [] : [`Pull only: url: ${url('pull', config.pullListen)}, without push.`]),
    app.opsPort === undefined ? '' : `Metrics: http://localhost:${app.opsPort}/metrics`,
    'There is no TLS here: keep it on this machine, or use docker compose up (see README).',
    '',
    '',
  ].join('\n');
}

function settingsTable(): string {
  return Object.entries(settings)
    .map(([name, { desc, default: value }]) => `  ${name.padEnd(22)} ${desc} [${value ?? ''}]`)
    .join('\n');
}
