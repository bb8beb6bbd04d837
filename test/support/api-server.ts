// A Kubernetes API server with its etcd on this machine, and nothing else of a cluster: no controllers, so nothing makes
// pods of a deployment or binds a claim; no nodes, so nothing runs. It judges and stores what kubectl sends it.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

import { kubeApiserverProgram } from './api-server-build.ts';
import { newServerPair } from './certificates.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { kubectlProgram } from './kubernetes-tools.ts';

const startTries = 3;

/** What a command has printed, and how it ended. */
export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface ApiServer {
  /** Runs kubectl as somebody who may do everything. `objects` are its standard input. */
  readonly kubectl: (args: readonly string[], objects?: readonly object[]) => Ran;
  /** Runs a script of sh with that kubectl, in a folder. */
  readonly shell: (script: string, folder: string) => Ran;
}

/** Starts both; ended with the test. */
export async function startApiServer(t: TestContext): Promise<ApiServer> {
  for (let tries = 1; ; tries++) {
    const folder = await mkdtemp(join(tmpdir(), 'weir-api-server-'));
    const children: ChildProcess[] = [];
    t.after(async () => {
      await Promise.all(children.map(ended));
      await rm(folder, { recursive: true });
    });
    const server = await tryStart(folder, children);
    if (server !== undefined) return server;
    // Another process may have been faster to take a port.
    if (tries === startTries) throw new Error(await lastLines(folder));
  }
}

/** Undefined when one of them has ended instead. */
async function tryStart(folder: string, children: ChildProcess[]): Promise<ApiServer | undefined> {
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const token = randomBytes(16).toString('hex');
  const { certificateFile, keyFile } = await newServerPair(folder);
  await writeFile(join(folder, 'tokens.csv'), `${token},tester,tester\n`, { mode: 0o600 });
  await mkdir(join(folder, 'home'));
  const config = join(folder, 'kubeconfig');
  await writeFile(config, kubeconfig(port, certificateFile, token), { mode: 0o600 });

  children.push(
    spawnLogged(folder, 'etcd', [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ]),
    spawnLogged(folder, kubeApiserverProgram, [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      // An address of this machine alone is no endpoint that it would publish.
      '--endpoint-reconciler-type=none',
      `--secure-port=${port}`,
      `--tls-cert-file=${certificateFile}`,
      `--tls-private-key-file=${keyFile}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=AlwaysAllow',
      // As clusters have it: who may have a privileged container is for namespaces to say.
      '--allow-privileged=true',
      // It does not start without a key for tokens of service accounts. Nobody asks for one.
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${certificateFile}`,
      `--service-account-signing-key-file=${keyFile}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      // It keeps a claim until a controller has seen that no pod uses it.
      '--disable-admission-plugins=StorageObjectInUseProtection',
    ]),
  );
  const server = clientOf({
    HOME: join(folder, 'home'),
    KUBECONFIG: config,
    PATH: [dirname(kubectlProgram), process.env['PATH']].join(delimiter),
  });
  const oneHasEnded = () => children.some(hasEnded);
  await eventually(() => oneHasEnded() || server.kubectl(['get', '--raw=/readyz']).status === 0);
  return oneHasEnded() ? undefined : server;
}

function clientOf(env: NodeJS.ProcessEnv): ApiServer {
  return {
    kubectl: (args, objects = []) => {
      // One document each: kubectl would judge a list itself, and leave nothing to the server.
      const input = objects.map((object) => JSON.stringify(object)).join('\n---\n');
      return spawnSync(kubectlProgram, args, { env, input, encoding: 'utf8' });
    },
    shell: (script, cwd) => spawnSync('/bin/sh', ['-e', '-c', script], { env, cwd, encoding: 'utf8' }),
  };
}

function kubeconfig(port: number, authority: string, token: string): string {
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': authority };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

function spawnLogged(folder: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', log, log] });
  closeSync(log);
  // A test process that crashes must not leave it behind.
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  return child;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

async function lastLines(folder: string): Promise<string> {
  return `the API server does not start:\n${(await readFile(join(folder, 'log'), 'utf8')).slice(-5000)}`;
}
