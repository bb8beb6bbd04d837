import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { expiryList } from '../../src/certs/expiry-list.ts';
import { initCertificates } from '../../src/certs/init-certificates.ts';

const command = join(import.meta.dirname, '..', '..', 'bin', 'weir');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `weir certs …` in a folder, with something on its standard input, to its end. */
export async function certs(cwd: string, args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [command, 'certs', ...args], { cwd });
  // One that ends without having read it is none of our business.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** A folder that goes with the test; in it `certs`, as `weir certs init` makes it. */
export async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-certs-'));
  t.after(async () => await rm(folder, { recursive: true }));
  await initCertificates({ folder: join(folder, 'certs'), names: ['localhost'] });
  return folder;
}

/** Who may push, without the cost of another process. */
export async function listedNames(folder: string): Promise<string[]> {
  const { things } = await expiryList(join(folder, 'certs'), new Date());
  return things.filter(({ kind }) => kind === 'client').map(({ name }) => name);
}
