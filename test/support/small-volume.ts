import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own for a test, in memory. */
export interface SmallVolume {
  readonly path: string;
  remount(mode: 'ro' | 'rw'): void;
  unmount(): Promise<void>;
}

/** Why such a volume cannot be had here; false when it can. Mounting takes root with the right to mount. */
export const noSmallVolume: string | false = probe();

function probe(): string | false {
  if (process.getuid?.() !== 0) return 'mounting a small volume takes root';
  const found = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  });
  return found.status === 0 ? false : `mounting is not allowed here: ${found.stderr}`;
}

export async function smallVolume(bytes: number, inodes = 0): Promise<SmallVolume> {
  const path = await mkdtemp(join(tmpdir(), 'weir-small-'));
  mount('-t', 'tmpfs', '-o', `size=${bytes},nr_inodes=${inodes}`, 'tmpfs', path);
  return {
    path,
    remount: (mode) => mount('-o', `remount,${mode}`, path),
    async unmount() {
      run('umount', '--lazy', path);
      await rm(path, { recursive: true });
    },
  };
}

function mount(...args: string[]): void {
  run('mount', ...args);
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
