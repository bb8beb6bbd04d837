import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { initCertificates } from '../../src/certs/init-certificates.ts';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { watchCertificates } from '../../src/certs/watch-certificates.ts';
import { nginxConfiguration } from '../../src/cli/nginx-configuration.ts';
import { freePorts } from './free-ports.ts';
import { findCommand } from './real-parts.ts';

/** nginx/ of this repository. */
const nginxFolder = fileURLToPath(new URL('../../nginx', import.meta.url));

export interface NginxOptions {
  /** Where weir's pull.sock and push.sock are, or will be. Unix sockets want short paths (100 characters). */
  socketsDir: string;
  /** A certificates' folder as users have it; a server pair and a first client are made if it has none. */
  certsDir: string;
  /** Whether the push port passes on what has a token instead of a certificate; `off` by default. */
  pushTokens?: 'on' | 'off';
  /** Of the weir behind it, as nginx sees it; none when it does not have it. */
  volume?: string;
  /** Where weir is told what it may know of the certificates. */
  publicFile?: string;
  /** Empty folder for configuration, logs and the synced copy. */
  workDir: string;
}

/** One line of the access log: what the tests look at. */
export interface AccessLogEntry {
  listener: string;
  method: string;
  http_status: number;
  grpc_status: string;
  verify: string;
  fingerprint: string;
  subject: string;
  /** What nginx has sent from the volume by itself, or nothing. */
  file: string;
  bytes_out: number;
}

export interface RunningNginx {
  pullPort: number;
  pushPort: number;
  /**
   * Waits until nginx works with what is in certsDir now. Changes are taken over without this call too, as in
   * production (`certs sync --watch` and reload-on-change.sh run here as well), just not at a known moment.
   */
  reload(): Promise<void>;
  /** One entry per call that has ended, as in the JSON access log. */
  accessLog(): Promise<AccessLogEntry[]>;
  errorLog(): Promise<string>;
  /** Process ids of the workers that take new connections. */
  workers(): Promise<number[]>;
  /** Ends every process started here. */
  stop(): Promise<void>;
}

/**
 * Runs the machine's nginx with the repository's own templates on two free ports of 127.0.0.1.
 * Rejects, with nginx's own words, when it does not start.
 */
export async function startNginx(options: NginxOptions): Promise<RunningNginx> {
  const { certsDir, workDir } = options;
  const tls = join(workDir, 'tls');
  const run = join(workDir, 'run');
  const config = join(workDir, 'conf', 'nginx.conf');
  for (const folder of [tls, run, join(workDir, 'conf')]) await mkdir(folder, { recursive: true });
  await initCertificates({ folder: certsDir, names: ['localhost', '127.0.0.1', '::1'] });
  const sync = { folder: certsDir, out: tls, publicFile: options.publicFile };
  const { ready, findings } = await syncCertificates(sync);
  if (!ready) throw new Error(`no usable server pair: ${JSON.stringify(findings)}`);

  const { nginx, pullPort, pushPort } = await startOnFreePorts(options, { tls, run, config });
  const ending = new AbortController();
  const watching = watchCertificates({
    ...sync,
    intervalMs: 100,
    signal: ending.signal,
    onRound: () => undefined,
    onFailure: () => undefined,
  });
  const watcherLog = await open(join(run, 'watcher.log'), 'a');
  const watcher = spawn('sh', [join(nginxFolder, 'reload-on-change.sh')], {
    env: {
      PATH: searchPath(),
      NGINX_TLS: tls,
      NGINX_RUN: run,
      NGINX_CONFIG: config,
      NGINX_RELOAD_SECONDS: '0.2',
    },
    stdio: ['ignore', 'ignore', watcherLog.fd],
  });
  const unguard = guard(nginx, watcher);
  const workers = async () => await currentWorkers(nginx);
  return {
    pullPort,
    pushPort,
    workers,
    reload: async () => {
      await syncCertificates(sync);
      const before = new Set(await workers());
      nginx.kill('SIGHUP');
      await until('workers of the new configuration', async () => {
        const now = await workers();
        return now.length > 0 && now.every((pid) => !before.has(pid));
      });
    },
    accessLog: async () => logEntries(await readFile(join(run, 'access.log'), 'utf8')),
    errorLog: async () => await readFile(join(run, 'error.log'), 'utf8'),
    stop: async () => {
      ending.abort();
      await Promise.all([watching, ended(watcher), ended(nginx)]);
      await watcherLog.close();
      unguard();
    },
  };
}

interface Folders {
  tls: string;
  run: string;
  config: string;
}

/** A port that is free may be taken by another test before nginx binds it: then others are tried. */
async function startOnFreePorts(options: NginxOptions, folders: Folders) {
  for (let attempt = 1; ; attempt++) {
    const [pullPort = 0, pushPort = 0] = await freePorts(2);
    const configuration = await nginxConfiguration({
      NGINX_WORKERS: '2',
      NGINX_STREAM_TIMEOUT: '1h',
      NGINX_PULL_LISTEN: `127.0.0.1:${pullPort}`,
      NGINX_PUSH_LISTEN: `127.0.0.1:${pushPort}`,
      NGINX_PUSH_TOKENS: options.pushTokens ?? 'off',
      NGINX_SOCKETS: options.socketsDir,
      NGINX_TLS: folders.tls,
      NGINX_VOLUME: options.volume ?? join(options.workDir, 'no-volume'),
      NGINX_RUN: folders.run,
      NGINX_ACCESS_LOG: `${folders.run}/access.log weir_json`,
      NGINX_ERROR_LOG: `${folders.run}/error.log info`,
    });
    await writeFile(folders.config, configuration);
    // Run by root, workers would become `nobody` and could not open the sockets.
    const globals = `daemon off; ${process.getuid?.() === 0 ? 'user root;' : ''}`;
    const nginx = spawn(nginxCommand(), ['-c', folders.config, '-g', globals], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    nginx.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
    const listening = until('nginx to listen', async () => {
      if (nginx.exitCode !== null) return true;
      return (await accepts(pullPort)) && (await accepts(pushPort));
    });
    await listening.catch(async (error: unknown) => {
      await ended(nginx);
      throw error;
    });
    if (nginx.exitCode === null) return { nginx, pullPort, pushPort };
    words += await readFile(join(folders.run, 'error.log'), 'utf8').catch(() => '');
    if (attempt === 3 || !words.includes('Address already in use')) {
      throw new Error(`nginx does not start: ${words}`);
    }
  }
}

function nginxCommand(): string {
  const path = findCommand('nginx');
  if (path === undefined) throw new Error('nginx is not installed');
  return path;
}

/** With the folders of system commands, which an ordinary user's PATH may lack. */
function searchPath(): string {
  return `${process.env['PATH']}:/usr/sbin:/sbin`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Children of the master that are not on their way out. nginx tells in its process titles. */
async function currentWorkers(nginx: ChildProcess): Promise<number[]> {
  const children = await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8');
  const titles = children
    .split(' ')
    .filter((pid) => pid !== '')
    .map(
      async (pid) => [Number(pid), await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const,
    );
  return (await Promise.all(titles))
    .filter(([, title]) => title.includes('worker process') && !title.includes('shutting down'))
    .map(([pid]) => pid);
}

/** Asks again and again until the answer is yes; rejects after 20 seconds. */
async function until(what: string, answer: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await answer())) {
    if (Date.now() > deadline) throw new Error(`waited 20 s for ${what}`);
    await sleep(20);
  }
}

/** Ends children also when the test's time is over and the runner ends it by a signal. */
function guard(...children: ChildProcess[]): () => void {
  const end = () => {
    for (const child of children) child.kill('SIGTERM');
  };
  const exit = () => process.exit(143);
  process.once('exit', end).once('SIGTERM', exit);
  return () => process.off('exit', end).off('SIGTERM', exit);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

function logEntries(text: string): AccessLogEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const entry: AccessLogEntry = JSON.parse(line);
      return entry;
    });
}
