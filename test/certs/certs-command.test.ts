import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { issueCertificate } from '../../src/certs/issue-certificate.ts';
import { hasKeyIdentifiers } from '../../src/certs/key-identifiers.ts';
import { testWith } from '../support/real-parts.ts';

const command = fileURLToPath(new URL('../../src/cli/weir.ts', import.meta.url));
const newClientScript = fileURLToPath(new URL('../../certs/new-client', import.meta.url));

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-certs-'));
  t.after(async () => await rm(folder, { recursive: true }));
  return folder;
}

/** Runs a program to its end in a folder. */
async function run(cwd: string, file: string, args: string[], env = process.env) {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { cwd, env });
    return { code: 0, stdout, stderr };
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error && 'code' in error)) throw error;
    return { code: error.code, stdout: String(error.stdout), stderr: String(error.stderr) };
  }
}

const node = ['--disable-warning=ExperimentalWarning', command, 'certs'];

void test('`weir certs init` says what it made, and takes names from the command line and the environment', async (t) => {
  const folder = await newFolder(t);
  const env = { ...process.env, WEIR_NAMES: 'a.example, b.example 192.0.2.7' };
  const { code, stdout } = await run(folder, process.execPath, [...node, 'init'], env);
  assert.equal(code, 0);
  assert.match(stdout, /^made server\.key\nmade server\.crt\nmade client\.key\n/);
  assert.match(stdout, /server\.crt is for a\.example, b\.example, 192\.0\.2\.7, .*localhost/);
  await access(join(folder, 'certs', 'authorized.crt'));
  const again = await run(folder, process.execPath, [...node, 'init', '--name', 'c.example']);
  assert.match(again.stdout, /^nothing to do/);
});

void test('`weir certs init --json` says the same for scripts', async (t) => {
  const folder = await newFolder(t);
  const init = async () =>
    await run(folder, process.execPath, [...node, 'init', '--name', 'a.example', '--json']);
  const { made, names } = JSON.parse((await init()).stdout) as { made: string[]; names: string[] };
  assert.deepEqual(made, ['server.key', 'server.crt', 'client.key', 'client.crt', 'authorized.crt']);
  assert.equal(names[0], 'a.example');
  assert.deepEqual(JSON.parse((await init()).stdout), { made: [], names: null });
});

void test('a folder that is not there is told as such, whatever was to be done in it', async (t) => {
  const folder = await newFolder(t);
  const pem = join(folder, 'some.crt');
  await issueCertificate({ folder, name: 'some', days: 1 });
  for (const args of [['list'], ['list', '--json'], ['revoke', 'some'], ['authorize', pem]]) {
    const { code, stderr } = await run(folder, process.execPath, [...node, ...args, '--dir', 'nowhere']);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, /there is no folder nowhere: --dir says where the certificates are/);
  }
});

void test('`weir certs sync` exits 0 when all is well, 3 when something was left out, 1 when nothing can be served', async (t) => {
  const folder = await newFolder(t);
  const sync = async (...more: string[]) =>
    await run(folder, process.execPath, [...node, 'sync', '--out', 'out', ...more]);
  const empty = await sync();
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /error: server\.crt: is missing/);

  await run(folder, process.execPath, [...node, 'init']);
  const good = await sync();
  assert.deepEqual(good, { code: 0, stdout: 'updated: 1 certificate may push\n', stderr: '' });
  assert.equal((await sync()).stdout, 'unchanged: 1 certificate may push\n');

  await writeFile(join(folder, 'certs', 'authorized.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n');
  const partly = await sync('--json');
  assert.equal(partly.code, 3);
  const round: unknown = JSON.parse(partly.stdout);
  assert.partialDeepStrictEqual(round, {
    ready: true,
    changed: true,
    authorized: [],
    findings: [{ severity: 'error', file: 'authorized.crt', line: 1 }],
  });
});

void test('`weir certs sync --watch` writes its ready file, and ends on SIGTERM', async (t) => {
  const folder = await newFolder(t);
  await run(folder, process.execPath, [...node, 'init']);
  const flags = ['sync', '--out', 'out', '--watch', '--ready-file', 'ready'];
  const child = spawn(process.execPath, [...node, ...flags], { cwd: folder, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await t.waitFor(async () => await access(join(folder, 'ready')), { interval: 50, timeout: 30_000 });
  await access(join(folder, 'out', 'current', 'server.key'));
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

testWith('openssl')('certs/new-client makes a pair with key identifiers and overwrites none', async (t) => {
  const folder = await newFolder(t);
  const { code, stdout } = await run(folder, 'sh', [newClientScript, 'ada']);
  assert.equal(code, 0);
  assert.match(stdout, /cat ada\.crt >> certs\/authorized\.crt/);
  const certificate = new X509Certificate(await readFile(join(folder, 'ada.crt')));
  assert.equal(certificate.subject, 'CN=ada');
  assert.equal(certificate.ca, false);
  assert.ok(hasKeyIdentifiers(certificate));
  const before = await readFile(join(folder, 'ada.key'), 'utf8');
  const again = await run(folder, 'sh', [newClientScript, 'ada']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /ada\.key is there already and stays as it is/);
  assert.equal(await readFile(join(folder, 'ada.key'), 'utf8'), before);
  for (const name of ['', '../ada', 'a b', '-x']) {
    assert.equal((await run(folder, 'sh', [newClientScript, name])).code, 2, name);
  }
});
