import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A command under which a process believes that the machine has started anew, so many seconds ago. It has mounts of its
 * own for that; where noSmallVolume is false, this can be had.
 */
export async function anotherBoot(folder: string, secondsAgo: number): Promise<string[]> {
  const [bootId, uptime] = [join(folder, 'boot-id'), join(folder, 'uptime')];
  await writeFile(bootId, '11111111-2222-4333-8444-555555555555\n');
  await writeFile(uptime, `${secondsAgo}.00 1.00\n`);
  const mounts = `mount --bind ${bootId} /proc/sys/kernel/random/boot_id && mount --bind ${uptime} /proc/uptime`;
  return ['unshare', '--mount', 'sh', '-c', `${mounts} && exec "$@"`, 'sh'];
}
