import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const weir = join(import.meta.dirname, '..', '..', 'bin', 'weir');

/** How a command has ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `weir` with these arguments, on a volume. */
export async function weirOn(volume: string, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [weir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], VOLUME: volume },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** The lines of JSON that a command has printed. */
export function jsonLines({ out }: Ended): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
