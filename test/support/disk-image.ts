import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemPython } from './real-parts.ts';

/** A file system of a real kind, in a file of its own. */
export interface DiskImage {
  /** Where it is mounted. */
  readonly path: string;
  remount(mode: 'ro' | 'rw'): void;
  /**
   * What a power cut does: nothing that is only in memory gets to the disk any more. The file system answers every
   * call with EIO from then on, until mountAgain(). End its users first, or let them see that.
   */
  cutPower(): void;
  /** Unmounts it and mounts it again, with the repairs that a mount does. */
  mountAgain(): void;
  /** Makes files look as if nothing had happened to them for so long, ctime included; ext4 only, and nobody may use it now. */
  age(names: readonly string[], seconds: number): void;
  remove(): Promise<void>;
}

/** Settings of an image. */
export interface DiskImageOptions {
  readonly kind: 'ext4' | 'xfs';
  /** XFS wants 300 MB at least. */
  readonly bytes: number;
  /** How many files it can hold; ext4 only. */
  readonly inodes?: number;
}

/** Why no image can be had here; false when it can. */
export const noDiskImage: string | false = probe();

function probe(): string | false {
  if (process.getuid?.() !== 0) return 'mounting a disk image takes root';
  const found = spawnSync('losetup', ['--find'], { encoding: 'utf8' });
  return found.status === 0 ? false : `loop devices are not to be had here: ${found.stderr}`;
}

/** Makes and mounts an image. Rejects with what the failing command says. */
export async function diskImage({ kind, bytes, inodes }: DiskImageOptions): Promise<DiskImage> {
  const folder = await mkdtemp(join(tmpdir(), `weir-${kind}-`));
  let file = join(folder, 'image');
  const path = join(folder, 'mounted');
  await writeFile(file, '');
  await truncate(file, bytes);
  if (kind === 'ext4')
    run('mkfs.ext4', '-q', '-F', ...(inodes === undefined ? [] : ['-N', `${inodes}`]), file);
  else run('mkfs.xfs', '-q', '-f', file);
  run('mkdir', path);
  // A copy has the UUID of its original.
  const mount = () => run('mount', '-o', kind === 'xfs' ? 'loop,nouuid' : 'loop', file, path);
  mount();

  function detach(): void {
    // What is still in memory of one that has its power is to be on it; the others only say that they have none.
    spawnSync('sync', ['--file-system', path]);
    run('umount', path);
    if (!isAttached(file)) return;
    // A sandbox of somebody else's has a copy of our mount and keeps the file system alive, dead as it is.
    run('cp', '--sparse=always', file, `${file}+`);
    file += '+';
  }

  return {
    path,
    remount: (mode) => run('mount', '-o', `remount,${mode}`, path),
    cutPower: () => run(systemPython, '-c', goingDown, path),
    mountAgain() {
      detach();
      mount();
    },
    age(names, seconds) {
      detach();
      const then = Math.floor(Date.now() / 1000 - seconds);
      const commands = names.flatMap((name) =>
        ['atime', 'mtime', 'ctime'].map((field) => `set_inode_field /${name} ${field} @${then}\n`),
      );
      writeFileSync(join(folder, 'commands'), commands.join(''));
      run('debugfs', '-w', '-f', join(folder, 'commands'), file);
      mount();
    },
    async remove() {
      // A mount that is still in use goes when its last user does.
      spawnSync('umount', ['--lazy', path]);
      await rm(folder, { recursive: true });
    },
  };
}

function isAttached(file: string): boolean {
  return run('losetup', '--associated', file) !== '';
}

/** FS_IOC_SHUTDOWN, _IOR('X', 125, u32), with 2 for "do not write the journal either"; ext4 and XFS have it in common. */
const goingDown = `
import fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(folder, 0x8004587D, struct.pack('I', 2))
`;

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
