// A Kubernetes API server of one's own, with etcd and without nodes or controllers: it takes objects, judges and keeps
// them, and nothing runs.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePorts } from './free-ports.ts';
import { etcdProgram, kubeApiserverProgram } from './kube-apiserver-build.ts';
import { kubectlProgram } from './kubernetes-tools.ts';

/** It does much when it starts, and the machine may be busy. */
const patienceMs = 300_000;
const token = 'of-the-tests';

/** What a kubectl has printed, and how it ended. */
export interface KubectlResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface KubeApiserver {
  /** Runs kubectl as somebody who may do everything. */
  kubectl(args: readonly string[], input?: string): KubectlResult;
}

/** Starts both, and ends them with the test. Rejects with their last words when they do not become ready. */
export async function startKubeApiserver(t: TestContext): Promise<KubeApiserver> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-kube-'));
  const started: ChildProcess[] = [];
  t.after(async () => {
    for (const child of started.toReversed()) await ended(child);
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });
  writeKeys(folder);
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const said = { text: '' };
  const start = (program: string, args: readonly string[]) => {
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => (said.text = (said.text + chunk.toString()).slice(-4000)));
    started.push(child);
  };
  start(etcdProgram, etcdFlags(folder, etcdPort, peerPort));
  start(kubeApiserverProgram, apiserverFlags(folder, etcdPort, port));
  const kubectl = (args: readonly string[], input?: string) =>
    spawnSync(
      kubectlProgram,
      [`--server=https://127.0.0.1:${port}`, '--insecure-skip-tls-verify', `--token=${token}`, ...args],
      { encoding: 'utf8', cwd: folder, env: { HOME: folder }, ...(input === undefined ? {} : { input }) },
    );
  const deadline = Date.now() + patienceMs;
  while (kubectl(['get', '--raw', '/readyz']).status !== 0) {
    const gone = started.some(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    if (gone || Date.now() > deadline) throw new Error(`the API server does not become ready: ${said.text}`);
    await sleep(500);
  }
  return { kubectl };
}

function writeKeys(folder: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'accounts.key'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(join(folder, 'accounts.pub'), publicKey.export({ format: 'pem', type: 'spki' }));
  writeFileSync(join(folder, 'tokens.csv'), `${token},tester,tester,system:masters\n`);
}

function etcdFlags(folder: string, clientPort: number, peerPort: number): string[] {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
  ];
}

function apiserverFlags(folder: string, etcdPort: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--cert-dir=${folder}`,
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://127.0.0.1',
    `--service-account-key-file=${join(folder, 'accounts.pub')}`,
    `--service-account-signing-key-file=${join(folder, 'accounts.key')}`,
  ];
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
