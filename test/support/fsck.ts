import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const weir = join(import.meta.dirname, '..', '..', 'bin', 'weir');
export const kinds = ['damaged', 'unreadable', 'incomplete', 'failed', 'outdated', 'foreign'] as const;

/** What `weir fsck --json` says. */
export interface Report {
  readonly whole: boolean;
  readonly records: Record<string, number>;
  readonly found: Record<
    (typeof kinds)[number],
    { count: number; first: { path: string; detail?: string; repaired?: boolean }[] }
  >;
}

/** `weir fsck`, to be waited for. */
export function start(...args: string[]) {
  const child = spawn(process.execPath, [weir, 'fsck', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended };
}

/** `weir fsck --json` of a volume; fails when it prints anything else. */
export async function fsck(
  volume: string,
  ...args: string[]
): Promise<{ code: number | null; report: Report }> {
  const { code, out, err } = await start(volume, '--json', ...args).ended;
  assert.equal(err, '');
  return { code, report: JSON.parse(out) as Report };
}
