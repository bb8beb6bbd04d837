import type { App, AppOptions } from '../app-options.ts';
import { type Config, ConfigError, readConfig, settings } from '../config/config.ts';
import { type AccessRules, openAccess } from '../core/access.ts';
import type { Logger } from '../core/observer.ts';
import type { CacheListenerOptions } from '../http/cache-listener.ts';
import type { ListenerOptions } from '../rpc/listener.ts';
import { type CertificatesFile, watchCertificatesFile } from './certificates-file.ts';
import { Command } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { watchTokensFile } from './tokens-file.ts';
import { version } from './version.ts';

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
  // The other commands do without the half second that these take to load.
  const { winstonLogger } = await import('../telemetry/logger.ts');
  const { startServer, workerId } = await import('../server-process.ts');
  const logger = winstonLogger({ level: config.logLevel, format: config.logFormat, worker: workerId });
  try {
    const known = await certificatesFile(config, logger);
    const access = await accessRules(config, known, logger);
    const certificates = () => known?.certificates() ?? [];
    const app = await startServer(appOptions(config, access, certificates), logger);
    if (app === undefined) return;
    process.stdout.write(banner(config, app));
    logger.info('serving', {
      pull: config.pullListen,
      push: config.pushListen,
      ops: config.opsListen,
      pullHttp: config.pullHttpListen,
      pushHttp: config.pushHttpListen,
      ports: Object.fromEntries(app.listeners.map(({ role, port }) => [role, port])),
      httpPorts: Object.fromEntries(app.httpListeners.map(({ role, port }) => [role, port])),
      opsPort: app.opsPort,
      volume: config.volume,
      workers: config.workers,
    });
  } catch (error) {
    logger.error(error instanceof Error ? error.message : String(error));
    process.exit(exitCodes.failure);
  }
}

async function certificatesFile(
  { certificatesFile: path }: Config,
  logger: Logger,
): Promise<CertificatesFile | undefined> {
  return path === undefined ? undefined : await watchCertificatesFile(path, logger);
}

async function accessRules(
  { tokensFile, pullAccess }: Config,
  known: CertificatesFile | undefined,
  logger: Logger,
): Promise<AccessRules> {
  const certificates = () => known?.judge();
  if (tokensFile === undefined) return { ...openAccess, certificates };
  return { tokens: await watchTokensFile(tokensFile, logger), pullAccess, certificates };
}

function appOptions(
  config: Config,
  access: AccessRules,
  certificates: AppOptions['certificates'],
): AppOptions {
  return {
    volume: {
      root: config.volume,
      indexOnly: config.indexOnly,
      remembersLeases: config.leaseMemory,
      headRoomMin: config.headRoomMin,
      headRoomMax: config.headRoomMax,
      quotaBytes: config.quotaBytes,
      durability: config.durability,
    },
    listeners: [
      listener(config, access, 'pull', config.pullListen),
      ...(config.pushListen === undefined ? [] : [listener(config, access, 'push', config.pushListen)]),
    ],
    httpListeners: [
      ...httpListener(config, access, 'pull', config.pullHttpListen),
      ...httpListener(config, access, 'push', config.pushHttpListen),
    ],
    opsListen: config.opsListen,
    statusPage:
      config.statusPage === 'off'
        ? undefined
        : { detail: config.statusPage, hosts: config.statusHosts, version },
    leaseMs: config.leaseSeconds * 1000,
    ballastBytes: config.ballastBytes,
    scrubBytesPerSecond: config.scrubBytesPerSecond,
    uploadResumeMs: config.uploadResumeSeconds * 1000,
    drainMs: config.drainSeconds * 1000,
    streamIdleMs: config.streamIdleSeconds * 1000,
    workers: config.workers,
    certificates,
    fetch: fetchOptions(config),
  };
}

/** Nothing is fetched from anywhere unless hosts are listed. */
function fetchOptions(config: Config): AppOptions['fetch'] {
  if (config.fetchHosts.length === 0) return undefined;
  return {
    hosts: config.fetchHosts,
    privateNetworks: config.fetchPrivateNetworks,
    maxBytes: config.fetchMaxBytes,
    timeoutMs: config.fetchTimeoutSeconds * 1000,
  };
}

function listener(
  config: Config,
  access: AccessRules,
  role: ListenerOptions['role'],
  address: string,
): ListenerOptions {
  // Only the proxy reaches a socket file, so what it says of the client is believed there and nowhere else.
  const identified = address.startsWith('unix:');
  return {
    role,
    address,
    identified,
    access,
    pushHint: config.pushHint,
    reflection: config.reflection,
    handshakeMs: config.handshakeSeconds * 1000,
    connectionIdleMs: config.connectionIdleSeconds * 1000,
  };
}

function httpListener(
  config: Config,
  access: AccessRules,
  role: CacheListenerOptions['role'],
  address: string | undefined,
): CacheListenerOptions[] {
  if (address === undefined) return [];
  const identified = address.startsWith('unix:');
  return [
    {
      role,
      address,
      identified,
      access,
      pushHint: config.pushHint,
      headersMs: config.handshakeSeconds * 1000,
      idleMs: config.httpIdleSeconds * 1000,
    },
  ];
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
    .map(([name, { desc, usually }]) => `  ${name.padEnd(22)} ${plain(desc)} [${plain(usually)}]`)
    .join('\n');
}

/** The page has the same texts, in Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '');
}
