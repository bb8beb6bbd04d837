import { Command, CommanderError } from './commander.ts';
import type { AppOptions } from '../app-options.ts';
import { defaultWorkers, mostWorkers } from '../config/worker-settings.ts';
import { openAccess } from '../core/access.ts';
import type { Logger } from '../core/observer.ts';
import type { ListenerOptions } from '../rpc/listener.ts';
import { reloadableTls } from '../grpc/tls.ts';
import { startServer, workerId } from '../server-process.ts';
import { winstonLogger } from '../telemetry/logger.ts';
import { readTlsFiles, watchTlsFiles } from './tls-files.ts';

// The command line of BuildStream 1.6's bst-artifact-server: same flags, messages and exit codes, so
// that the start scripts and units of its users go on working.

const usageExit = 2;
const tlsUsageExit = 255;
const leaseMs = 3_600_000;
const scrubBytesPerSecond = 5_000_000;

interface Flags {
  port?: string;
  serverKey?: string;
  serverCert?: string;
  clientCerts?: string;
  enablePush?: boolean;
  indexOnly?: boolean;
  headRoomMin: string;
  headRoomMax: string;
  quota: string;
  durability: string;
  workers?: string;
}

/** The flags, checked. */
interface Options {
  readonly repo: string;
  readonly port: number;
  readonly enablePush: boolean;
  readonly indexOnly: boolean;
  readonly headRoomMin: number;
  readonly headRoomMax: number;
  /** 0 for none. */
  readonly quota: number;
  readonly durability: 'strict' | 'relaxed';
  readonly workers: number;
  readonly tls: { key: string; certificate: string; clients: string | undefined } | undefined;
}

const program = new Command('bst-artifact-server')
  .description('Artifact cache server; TLS and client certificates are handled in the process.')
  .usage('[OPTIONS] REPO')
  .argument('[repo...]')
  .option('-p, --port <INTEGER>', 'Port to listen on; 0 takes a free one  [required]')
  .option('--server-key <FILE>', "The server's private key for TLS (PEM)")
  .option('--server-cert <FILE>', "The server's certificate for TLS (PEM)")
  .option('--client-certs <FILE>', 'Certificates of the clients that are let in (PEM, concatenated)')
  .option('--enable-push', 'Take uploads and updates of references')
  .option('--index-only', 'Keep names of artifacts and sources only; their blobs are on a storage server')
  .option('--head-room-min <INTEGER>', 'Bytes that uploads leave free on the disk', '2000000000')
  .option('--head-room-max <INTEGER>', 'Bytes that are free after a clean-up', '10000000000')
  .option('--quota <INTEGER>', 'Bytes on disk that the cache may take; 0 for no limit but the disk', '0')
  .option(
    '--durability <CHOICE>',
    'strict: what is acknowledged is on disk; relaxed: a power cut may lose the last of it',
    'strict',
  )
  .option('--workers <INTEGER>', 'Processes that answer calls; by default one for each processor')
  .helpOption('--help', 'Show this text and exit')
  .configureOutput({ writeErr: () => {} })
  .exitOverride();

await main();

async function main(): Promise<void> {
  const options = parse(process.argv);
  const logger = winstonLogger({ level: 'info', format: 'auto', worker: workerId });
  try {
    const app = await startServer(await appOptions(options, logger), logger);
    if (app === undefined) return;
    logger.info('serving', {
      port: app.listeners[0]?.port,
      push: options.enablePush,
      tls: options.tls !== undefined,
      repo: options.repo,
      workers: options.workers,
    });
  } catch (error) {
    process.stderr.write(`ERROR: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

function parse(argv: readonly string[]): Options {
  let flags: Flags;
  try {
    program.parse(argv);
    flags = program.opts<Flags>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return refuse(error);
  }
  const [repo, ...extra] = program.args;
  if (repo === undefined) usageError("Missing argument 'REPO'.");
  if (flags.port === undefined) usageError("Missing option '--port' / '-p'.");
  if (extra.length > 0)
    usageError(`Got unexpected extra argument${extra.length > 1 ? 's' : ''} (${extra.join(' ')})`);
  const port = integer(flags.port, "'--port' / '-p'");
  const headRoomMin = integer(flags.headRoomMin, "'--head-room-min'");
  const headRoomMax = integer(flags.headRoomMax, "'--head-room-max'");
  const quota = integer(flags.quota, "'--quota'");
  if (quota < 0) usageError(`Invalid value for '--quota': ${quota} is less than 0.`);
  if (port < 0 || port > 65_535)
    usageError(`Invalid value for '--port' / '-p': ${port} is not in the range 0 to 65535.`);
  return {
    repo,
    port,
    headRoomMin,
    headRoomMax,
    quota,
    durability: durability(flags.durability),
    workers: workers(flags.workers),
    enablePush: flags.enablePush === true,
    indexOnly: flags.indexOnly === true,
    tls: tlsOptions(flags),
  };
}

function tlsOptions({ serverKey, serverCert, clientCerts }: Flags): Options['tls'] {
  if (Boolean(serverKey) !== Boolean(serverCert))
    fail('--server-key and --server-cert are both required for TLS');
  if (clientCerts && !serverKey) fail('--client-certs can only be used with --server-key');
  if (!serverKey || !serverCert) return undefined;
  return { key: serverKey, certificate: serverCert, clients: clientCerts || undefined };
}

async function appOptions(options: Options, logger: Logger): Promise<AppOptions> {
  return {
    volume: {
      root: options.repo,
      indexOnly: options.indexOnly,
      // A server without push is used beside BuildStream's own, which removes what it likes.
      remembersLeases: options.enablePush,
      headRoomMin: options.headRoomMin,
      headRoomMax: options.headRoomMax,
      quotaBytes: options.quota || undefined,
      durability: options.durability,
    },
    listeners: [await listenerOptions(options, logger)],
    httpListeners: [],
    opsListen: undefined,
    statusPage: undefined,
    leaseMs,
    ballastBytes: undefined,
    scrubBytesPerSecond,
    uploadResumeMs: 600_000,
    drainMs: 30_000,
    streamIdleMs: 300_000,
    workers: options.workers,
    certificates: () => [],
    fetch: undefined,
  };
}

async function listenerOptions(options: Options, logger: Logger): Promise<ListenerOptions> {
  const common = {
    role: options.enablePush ? ('push' as const) : ('pull' as const),
    address: `[::]:${options.port}`,
    access: openAccess,
    pushHint: 'a server that was started with --enable-push',
    reflection: false,
    handshakeMs: 30_000,
    connectionIdleMs: 900_000,
  };
  if (options.tls === undefined) return { ...common, identified: false };
  const material = await readTlsFiles(options.tls, logger);
  const reloadable = reloadableTls(material);
  watchTlsFiles(options.tls, material, reloadable, logger);
  return { ...common, identified: true, tls: reloadable };
}

/** The parser's complaints in the words of the reference. */
function refuse(error: CommanderError): never {
  const subject = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const flag = /--[a-z-]+/.exec(subject)?.[0] ?? subject;
  switch (error.code) {
    case 'commander.helpDisplayed':
    case 'commander.help':
      return process.exit(0);
    case 'commander.unknownOption':
      return usageError(`No such option: ${subject}`);
    case 'commander.optionMissingArgument':
      process.stderr.write(`Error: Option '${flag}' requires an argument.\n`);
      return process.exit(usageExit);
    default:
      return usageError(error.message.replace(/^error: /, ''));
  }
}

function usageError(message: string): never {
  process.stderr.write(
    `Usage: bst-artifact-server [OPTIONS] REPO\nTry 'bst-artifact-server --help' for help.\n\nError: ${message}\n`,
  );
  process.exit(usageExit);
}

function fail(message: string): never {
  process.stderr.write(`ERROR: ${message}\n`);
  process.exit(tlsUsageExit);
}

function durability(text: string): Options['durability'] {
  if (text === 'strict' || text === 'relaxed') return text;
  return usageError(`Invalid value for '--durability': '${text}' is not one of 'strict', 'relaxed'.`);
}

function workers(text: string | undefined): number {
  if (text === undefined) return defaultWorkers();
  const count = integer(text, "'--workers'");
  if (count < 1 || count > mostWorkers)
    usageError(`Invalid value for '--workers': ${count} is not in the range 1 to ${mostWorkers}.`);
  return count;
}

function integer(text: string, option: string): number {
  if (!/^[+-]?\d+$/.test(text)) usageError(`Invalid value for ${option}: '${text}' is not a valid integer.`);
  return Number(text);
}
