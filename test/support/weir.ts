import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const project = join(import.meta.dirname, '..', '..');
const startPatienceMs = 120_000;
const stopPatienceMs = 60_000;

/** How to start a server for a test. */
export interface WeirOptions {
  /** An existing directory to serve; else a fresh one that is removed at the end. */
  volume?: string;
  /** Where the socket files go; else a fresh folder. */
  socketsDir?: string;
  /** Listen on loopback ports instead of socket files. */
  tcp?: boolean;
  /** Speak the HTTP cache protocol too. */
  http?: boolean;
  /** A command that runs the server as its arguments say, and becomes it. */
  under?: readonly string[];
  /** Settings on top of the defaults of a test. */
  env?: Record<string, string>;
}

/** A running `weir serve`. */
export interface Weir {
  readonly volume: string;
  readonly socketsDir: string;
  /** In the form that grpc-js takes. */
  readonly pullAddress: string;
  readonly pushAddress: string;
  /** Of the HTTP cache protocol; with `tcp` and `http` only. */
  readonly pullUrl: string;
  readonly pushUrl: string;
  readonly opsUrl: string;
  readonly pid: number;
  /** What it has printed so far, both streams. */
  output(): string;
  /** SIGTERM, waits for the end, removes what startWeir made. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Sends a signal (SIGKILL) and waits for the end; keeps the volume. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `weir serve` as its users do, and resolves when it is ready. */
export async function startWeir(options: WeirOptions = {}): Promise<Weir> {
  const own = await mkdtemp(join(tmpdir(), 'weir-test-'));
  const volume = options.volume ?? join(own, 'volume');
  const socketsDir = options.socketsDir ?? own;
  const tcp = options.tcp === true;
  const command = [...(options.under ?? []), process.execPath, join(project, 'bin', 'weir'), 'serve'];
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: own,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      VOLUME: volume,
      PULL_LISTEN: tcp ? '127.0.0.1:0' : `unix:${join(socketsDir, 'pull.sock')}`,
      PUSH_LISTEN: tcp ? '127.0.0.1:0' : `unix:${join(socketsDir, 'push.sock')}`,
      OPS_LISTEN: '127.0.0.1:0',
      // One process, unless all tests are to be run with several.
      WORKERS: process.env['WEIR_TEST_WORKERS'] ?? '1',
      LOG_FORMAT: 'json',
      // A test machine may have little room; what happens then has tests of its own.
      HEAD_ROOM_MIN: '1e6',
      // What is damaged on purpose is not to be found before the test has looked at it.
      SCRUB_BYTES_PER_SECOND: '0',
      // A volume for each of hundreds of tests: on a large disk each would get one of 64 MiB.
      BALLAST_BYTES: '0',
      ...(options.http === true && {
        PULL_HTTP_LISTEN: tcp ? '127.0.0.1:0' : `unix:${join(socketsDir, 'pull-http.sock')}`,
        PUSH_HTTP_LISTEN: tcp ? '127.0.0.1:0' : `unix:${join(socketsDir, 'push-http.sock')}`,
      }),
      ...options.env,
    },
  });
  // A test process that crashes must not leave its server behind.
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  const output = collected(child);
  failIfCrashed(child, output);
  const serving = await firstServingLine(child, output);
  const address = (role: 'pull' | 'push') =>
    tcp ? `127.0.0.1:${serving.ports[role]}` : `unix:${join(socketsDir, `${role}.sock`)}`;

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopPatienceMs);
    await ended;
    clearTimeout(timer);
  }

  return {
    volume,
    socketsDir,
    pullAddress: address('pull'),
    pushAddress: address('push'),
    pullUrl: `http://127.0.0.1:${serving.httpPorts.pull}`,
    pushUrl: `http://127.0.0.1:${serving.httpPorts.push}`,
    opsUrl: `http://127.0.0.1:${serving.opsPort}`,
    pid: child.pid ?? 0,
    output,
    async stop() {
      await end('SIGTERM');
      await rm(own, { recursive: true, force: true });
      return child.exitCode;
    },
    kill: (signal = 'SIGKILL') => end(signal),
  };
}

/** Fails the test: one that only sees its calls fail, or does not look at how the server ends, would not tell. */
function failIfCrashed(child: ChildProcess, output: () => string): void {
  child.once('close', (code, signal) => {
    const said = (message: string) => output().includes(`"message":"${message}"`);
    if (!said('serving') || code === 0 || signal === 'SIGTERM' || signal === 'SIGKILL') return;
    // It has ended in order, if not as it should have: that is for the test to say.
    if (signal === null && (said('stopping') || said('stopped'))) return;
    throw new Error(
      `weir serve ended with ${signal ?? `code ${code}`}; the last of its log:\n${output().slice(-5000)}`,
    );
  });
}

interface Serving {
  ports: { pull: number; push: number };
  httpPorts: { pull?: number; push?: number };
  opsPort: number;
}

function collected(child: ChildProcess): () => string {
  let text = '';
  child.stdout?.on('data', (chunk) => (text += String(chunk)));
  child.stderr?.on('data', (chunk) => (text += String(chunk)));
  return () => text;
}

/** The log line that says where it listens; rejects with everything printed when it ends or stays silent instead. */
async function firstServingLine(child: ChildProcess, output: () => string): Promise<Serving> {
  const deadline = Date.now() + startPatienceMs;
  while (Date.now() < deadline) {
    for (const line of output().split('\n')) {
      if (line.startsWith('{') && line.includes('"message":"serving"')) return JSON.parse(line) as Serving;
    }
    if (child.exitCode !== null || child.signalCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(`weir serve did not start:\n${output()}`);
}
