import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** The command as users start it. */
export const weirBinary = join(import.meta.dirname, '..', '..', 'bin', 'weir');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `weir` with these arguments, to be waited for. `env` is all of its environment beside PATH. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [weirBinary, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk) => (out += String(chunk)));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (err += String(chunk)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended };
}

/** Runs `weir`, which prints more than a pipe holds, and interrupts it (SIGINT) when it has begun to print. */
export async function interrupted(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { child, ended } = startCommand(args, env);
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  // What is not read fills the pipe: it cannot come to its end before the signal.
  child.stdout.pause();
  child.kill('SIGINT');
  child.stdout.resume();
  return await ended;
}

/** Runs `weir` to its end. */
export async function weirCommand(...args: readonly string[]): Promise<Ended> {
  return await startCommand(args).ended;
}

/** What it prints, when it ends with this code and says nothing on standard error. */
export async function printed(code: number, ...args: readonly string[]): Promise<string> {
  const ended = await weirCommand(...args);
  assert.deepEqual({ code: ended.code, err: ended.err }, { code, err: '' }, ended.out);
  return ended.out;
}

/** The same for one JSON object. */
export async function printedJson<T>(code: number, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await printed(code, ...args, '--json')) as T;
}

/** The same for lines of JSON. */
export async function printedLines<T>(code: number, ...args: readonly string[]): Promise<T[]> {
  const out = await printed(code, ...args, '--json');
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
