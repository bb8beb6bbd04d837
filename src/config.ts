import { isIP } from 'node:net';
import { bool, cleanEnv, EnvError, makeValidator, str } from 'envalid';

/** Where a listener is: `host:port`, `[ipv6]:port` or `unix:/absolute/path`. */
function parseAddress(input: string): string {
  if (/^unix:\/.+$/.test(input)) return input;
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(input)?.[1];
  if (port !== undefined && Number(port) <= 65_535) return input;
  throw new EnvError(
    `${JSON.stringify(input)} is no address: write host:port, [ipv6]:port or unix:/absolute/path`,
  );
}

const address = makeValidator<string>(parseAddress);

/** The empty address stands for none: envalid takes undefined for an error. */
const optionalAddress = makeValidator<string>((input) => (input === 'none' ? '' : parseAddress(input)));

/** A port of its own: plain HTTP for probes and Prometheus, which know no socket files. */
const opsAddress = makeValidator<string>((input) => {
  if (input === 'none') return '';
  if (!input.startsWith('unix:')) return parseAddress(input);
  throw new EnvError(`${JSON.stringify(input)} is no address for this port: write host:port or none`);
});

/** Timers of more milliseconds than an int32 holds end at once. */
const mostSeconds = 2_000_000;

const seconds = makeValidator<number>((input) => {
  const value = Number(input);
  if (input.trim() !== '' && value >= 0 && value <= mostSeconds) return value;
  throw new EnvError(`${JSON.stringify(input)} is no number of seconds between 0 and ${mostSeconds}`);
});

const bytes = makeValidator<number>((input) => {
  const value = Number(input);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new EnvError(`${JSON.stringify(input)} is no number of bytes, like 2000000000 or 2e9`);
});

const quota = makeValidator<number>((input) => {
  if (input === 'none' || input === 'infinity') return 0;
  const value = Number(input);
  if (input.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new EnvError(
    `${JSON.stringify(input)} is no number of bytes, like 500000000000 or 5e11, and not none`,
  );
});
/** `none`, or words that are all of a form, with commas or spaces between. */
function listOf(isOne: (word: string) => boolean, form: string) {
  return makeValidator<string>((input) => {
    const wrong = wordsOf(input).find((word) => !isOne(word));
    if (wrong === undefined) return input;
    throw new EnvError(`${JSON.stringify(wrong)} is not ${form}`);
  });
}

function wordsOf(list: string): string[] {
  return list === 'none' ? [] : list.split(/[\s,]+/).filter((word) => word !== '');
}

function isHost(word: string): boolean {
  return (
    /^((\*\.)?([\w-]+\.)*[\w-]+|\[[0-9a-f:.]+\])(:\d+)?$/i.test(word) &&
    URL.canParse(`https://${word.replace('*.', '')}`)
  );
}

function isNetwork(word: string): boolean {
  const [address = '', prefix = '0', ...rest] = word.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

const hosts = listOf(isHost, 'a host: write files.example.com, *.example.com, or one of them with :port');
const networks = listOf(isNetwork, 'a network: write one like 10.1.0.0/16 or fd00:1::/32, or an address');

/** Every setting there is: what it means, its unit and its default. `weir serve --help` prints this. */
export const settings = {
  VOLUME: str({
    default: './data',
    desc: 'directory of the cache; an existing one of bst-artifact-server is served in place',
  }),
  PULL_LISTEN: address({ default: '127.0.0.1:11001', desc: 'listener that reads: host:port or unix:/path' }),
  PUSH_LISTEN: optionalAddress({
    default: '127.0.0.1:11002',
    desc: 'listener that reads and writes; none for a server without push',
  }),
  PULL_HTTP_LISTEN: optionalAddress({
    default: 'none',
    desc: 'listener that reads by the HTTP cache protocol: host:port or unix:/path; none for none',
  }),
  PUSH_HTTP_LISTEN: optionalAddress({
    default: 'none',
    desc: 'listener that reads and writes by the HTTP cache protocol; none for none',
  }),
  HTTP_IDLE_SECONDS: seconds({
    default: 300,
    desc: 'seconds after which an HTTP connection is ended on which nothing moves',
  }),
  STREAM_IDLE_SECONDS: seconds({
    default: 300,
    desc: 'seconds after which a gRPC call is ended whose client neither sends nor reads, though it is its turn',
  }),
  CONNECTION_IDLE_SECONDS: seconds({
    default: 900,
    desc: 'seconds after which a gRPC connection without calls is closed; at least 660 on a socket file',
  }),
  HANDSHAKE_SECONDS: seconds({
    default: 30,
    desc: 'seconds that a connection may take to begin with gRPC, TLS included, or to send the headers of an HTTP request',
  }),
  OPS_LISTEN: opsAddress({
    default: '127.0.0.1:11080',
    desc: 'plain HTTP for /status, /metrics, /livez and /readyz; none for no such port',
  }),
  STATUS_PAGE: str({
    choices: ['auto', 'full', 'summary', 'off'] as const,
    default: 'auto',
    desc: 'the page /status: full, with names and contents; summary, figures only; off; auto: full where anyone may pull, else summary',
  }),
  STATUS_HOSTS: hosts({
    default: 'none',
    desc: 'public names under which /status may be asked for; addresses and names of the own network need none',
  }),
  TOKENS_FILE: str({
    default: 'none',
    desc: 'list of hashed access tokens, taken over when it changes; none: tokens are ignored',
  }),
  PULL_ACCESS: str({
    choices: ['anyone', 'token'] as const,
    default: 'anyone',
    desc: 'who may read on the pull listener: anyone, or who has a token',
  }),
  CERTIFICATES_FILE: str({
    default: 'none',
    desc: 'what weir certs sync --public writes: expiry for metrics, who may push what; taken over when it changes',
  }),
  PUSH_HINT: str({
    default: 'port 11002 with a client certificate',
    desc: 'what a push on the pull listener is told to use',
  }),
  LEASE_SECONDS: seconds({
    default: 3600,
    desc: 'seconds for which a blob stays after any positive answer about it',
  }),
  LEASE_MEMORY: bool({
    default: true,
    desc: 'promise blobs that were seen a short while ago without a look; false where something else removes files',
  }),
  INDEX_ONLY: bool({
    default: false,
    desc: 'keep names only, for "type: index" of BuildStream 2: blobs are on another server and not checked',
  }),
  HEAD_ROOM_MIN: bytes({
    default: undefined,
    desc: 'bytes that uploads leave free on the volume (default: 2e9, or a tenth of a volume below 20e9)',
  }),
  HEAD_ROOM_MAX: bytes({
    default: undefined,
    desc: 'bytes that eviction makes free when room runs short (default: 10e9, or a fifth of a volume below 50e9)',
  }),
  QUOTA: quota({
    default: 0,
    desc: 'bytes on disk that the cache may take; 0, none or infinity for no limit but the volume',
  }),
  DURABILITY: str({
    choices: ['strict', 'relaxed'] as const,
    default: 'strict',
    desc: 'strict: a push is on disk when it is acknowledged; relaxed: faster, and a power cut may lose the last ones',
  }),
  BALLAST_BYTES: bytes({
    default: undefined,
    desc: 'bytes of a file that is given up when the volume is completely full; 0 for none (default: 64 MiB, or a 128th of a volume below 8 GiB)',
  }),
  SCRUB_BYTES_PER_SECOND: bytes({
    default: 5_000_000,
    desc: 'bytes a second at which all blobs are read and compared with their hashes; 0 for never',
  }),
  UPLOAD_RESUME_SECONDS: seconds({
    default: 600,
    desc: 'seconds for which an interrupted upload may be gone on with; 0 keeps none',
  }),
  DRAIN_SECONDS: seconds({ default: 30, desc: 'seconds that calls may take to end after SIGTERM' }),
  FETCH_HOSTS: hosts({
    default: 'none',
    desc: 'hosts that content is fetched from over https when FetchBlob asks for it; none: nothing is fetched',
  }),
  FETCH_PRIVATE_NETWORKS: networks({
    default: 'none',
    desc: 'private networks, like 10.1.0.0/16, that those hosts may be in',
  }),
  FETCH_MAX_BYTES: bytes({ default: 1024 ** 3, desc: 'most bytes of one fetched blob' }),
  FETCH_TIMEOUT_SECONDS: seconds({ default: 300, desc: 'most seconds that fetching a blob may take' }),
  LOG_LEVEL: str({
    choices: ['error', 'warn', 'info', 'debug'] as const,
    default: 'info',
    desc: 'least important kind of log line; debug has one for each call',
  }),
  LOG_FORMAT: str({
    choices: ['auto', 'json', 'pretty'] as const,
    default: 'auto',
    desc: 'auto: pretty on a terminal, else JSON lines',
  }),
  REFLECTION: bool({ default: false, desc: 'offer gRPC server reflection' }),
};

/** Defaults are not parsed: that of a listener which is not there by itself is the word. */
function httpAddress(text: string): string | undefined {
  return text === '' || text === 'none' ? undefined : text;
}

/** What nobody may pull without a token is not shown without one either. */
function statusPageOf(
  asked: 'auto' | 'full' | 'summary' | 'off',
  pullAccess: Config['pullAccess'],
): Config['statusPage'] {
  if (asked !== 'auto') return asked;
  return pullAccess === 'anyone' ? 'full' : 'summary';
}

/** All settings, checked and frozen. Field names are the settings' in camel case. */
export interface Config {
  readonly volume: string;
  readonly pullListen: string;
  readonly pushListen: string | undefined;
  readonly pullHttpListen: string | undefined;
  readonly pushHttpListen: string | undefined;
  readonly httpIdleSeconds: number;
  readonly streamIdleSeconds: number;
  readonly connectionIdleSeconds: number;
  readonly handshakeSeconds: number;
  readonly opsListen: string | undefined;
  readonly statusPage: 'full' | 'summary' | 'off';
  readonly statusHosts: readonly string[];
  readonly tokensFile: string | undefined;
  readonly pullAccess: 'anyone' | 'token';
  readonly certificatesFile: string | undefined;
  readonly pushHint: string;
  readonly leaseSeconds: number;
  readonly leaseMemory: boolean;
  readonly indexOnly: boolean;
  readonly headRoomMin: number | undefined;
  readonly headRoomMax: number | undefined;
  /** Undefined for none. */
  readonly quotaBytes: number | undefined;
  readonly durability: 'strict' | 'relaxed';
  readonly ballastBytes: number | undefined;
  /** 0 for no scrub. */
  readonly scrubBytesPerSecond: number;
  readonly uploadResumeSeconds: number;
  readonly drainSeconds: number;
  /** Empty where nothing is fetched. */
  readonly fetchHosts: readonly string[];
  readonly fetchPrivateNetworks: readonly string[];
  readonly fetchMaxBytes: number;
  readonly fetchTimeoutSeconds: number;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly logFormat: 'auto' | 'json' | 'pretty';
  readonly reflection: boolean;
}

/** What is wrong with the settings, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Throws ConfigError, naming every setting that is wrong and what it should be. An empty value is an unset one. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const checked = cleanEnv(given, settings, {
    reporter({ errors }) {
      const lines = Object.entries(errors).map(
        ([name, error]) => `${name}: ${error instanceof EnvError ? error.message : String(error)}`,
      );
      if (lines.length > 0) throw new ConfigError(lines.join('\n'));
    },
  });
  if (checked.PULL_ACCESS === 'token' && checked.TOKENS_FILE === 'none')
    throw new ConfigError('PULL_ACCESS: token needs TOKENS_FILE, or nobody could read');
  return Object.freeze({
    volume: checked.VOLUME,
    pullListen: checked.PULL_LISTEN,
    pushListen: checked.PUSH_LISTEN || undefined,
    pullHttpListen: httpAddress(checked.PULL_HTTP_LISTEN),
    pushHttpListen: httpAddress(checked.PUSH_HTTP_LISTEN),
    httpIdleSeconds: checked.HTTP_IDLE_SECONDS,
    streamIdleSeconds: checked.STREAM_IDLE_SECONDS,
    connectionIdleSeconds: checked.CONNECTION_IDLE_SECONDS,
    handshakeSeconds: checked.HANDSHAKE_SECONDS,
    opsListen: checked.OPS_LISTEN || undefined,
    statusPage: statusPageOf(checked.STATUS_PAGE, checked.PULL_ACCESS),
    statusHosts: wordsOf(checked.STATUS_HOSTS),
    tokensFile: checked.TOKENS_FILE === 'none' ? undefined : checked.TOKENS_FILE,
    pullAccess: checked.PULL_ACCESS,
    certificatesFile: checked.CERTIFICATES_FILE === 'none' ? undefined : checked.CERTIFICATES_FILE,
    pushHint: checked.PUSH_HINT,
    leaseSeconds: checked.LEASE_SECONDS,
    leaseMemory: checked.LEASE_MEMORY,
    indexOnly: checked.INDEX_ONLY,
    headRoomMin: checked.HEAD_ROOM_MIN,
    headRoomMax: checked.HEAD_ROOM_MAX,
    quotaBytes: checked.QUOTA || undefined,
    durability: checked.DURABILITY,
    ballastBytes: checked.BALLAST_BYTES,
    scrubBytesPerSecond: checked.SCRUB_BYTES_PER_SECOND,
    uploadResumeSeconds: checked.UPLOAD_RESUME_SECONDS,
    drainSeconds: checked.DRAIN_SECONDS,
    fetchHosts: wordsOf(checked.FETCH_HOSTS),
    fetchPrivateNetworks: wordsOf(checked.FETCH_PRIVATE_NETWORKS),
    fetchMaxBytes: checked.FETCH_MAX_BYTES,
    fetchTimeoutSeconds: checked.FETCH_TIMEOUT_SECONDS,
    logLevel: checked.LOG_LEVEL,
    logFormat: checked.LOG_FORMAT,
    reflection: checked.REFLECTION,
  });
}
