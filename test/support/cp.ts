import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { memoryOf } from './process-figures.ts';
import { startWeir, type Weir, type WeirOptions } from './weir.ts';
import { type Clients, clientsAt } from './wire.ts';

const weir = join(import.meta.dirname, '..', '..', 'bin', 'weir');

/** What `weir cp --json` says. */
export interface CopyReport {
  readonly whole: boolean;
  readonly dryRun: boolean;
  readonly names: Record<'copied' | 'present' | 'skipped' | 'failed', number>;
  readonly blobs: { readonly looked: number; readonly sent: number };
  readonly sentBytes: number;
  readonly problems: readonly { readonly name: string; readonly outcome: string; readonly why: string }[];
  readonly error?: string;
}

/** How a command ended. */
export interface EndedCopy {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `weir cp`, to be waited for; it is killed at the end of the test if it still runs then. */
export function startCopy(
  t: TestContext,
  args: readonly string[],
  input = '',
): { child: ChildProcess; ended: Promise<EndedCopy> } {
  const child = spawn(process.execPath, [weir, 'cp', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A test machine may have little room.
    env: { PATH: process.env['PATH'], HEAD_ROOM_MIN: '1e6' },
  });
  t.after(() => child.kill('SIGKILL'));
  // It may end before it has read all of it.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk) => (out += String(chunk)));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (err += String(chunk)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended };
}

/** `weir cp --json`, which has to end with this code and say nothing else. */
export async function copied(
  t: TestContext,
  code: number,
  args: readonly string[],
  input?: string,
): Promise<CopyReport> {
  const ended = await startCopy(t, [...args, '--json'], input).ended;
  assert.deepEqual({ code: ended.code, err: ended.err }, { code, err: '' }, ended.out);
  return JSON.parse(ended.out) as CopyReport;
}

/** The most memory that a process has had, as seen last before its end. Bytes. */
export async function peakMemory(child: ChildProcess, ended: Promise<unknown>): Promise<number> {
  let peak = 0;
  const over = new AbortController();
  void ended.finally(() => over.abort());
  while (!over.signal.aborted) {
    const now = await memoryOf(child.pid ?? 0).catch(() => ({ peak: 0 }));
    // There is none of a process that has just ended.
    if (now.peak > 0) peak = now.peak;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return peak;
}

/** A server of its own for a test, with clients of its two ports. */
export interface CopySite {
  readonly weir: Weir;
  readonly push: Clients;
  readonly pull: Clients;
  readonly pushUrl: string;
  readonly pullUrl: string;
}

export async function copySite(t: TestContext, options: WeirOptions = {}): Promise<CopySite> {
  // What survives a power cut has tests of its own, and costs most of the time of a push.
  const server = await startWeir({ tcp: true, ...options, env: { DURABILITY: 'relaxed', ...options.env } });
  const [push, pull] = [clientsAt(server.pushAddress), clientsAt(server.pullAddress)];
  t.after(async () => {
    push.close();
    pull.close();
    await server.stop();
  });
  return {
    weir: server,
    push,
    pull,
    pushUrl: `http://${server.pushAddress}`,
    pullUrl: `http://${server.pullAddress}`,
  };
}
