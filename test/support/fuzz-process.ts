import { readdir, readFile, readlink } from 'node:fs/promises';

/** Memory of a process in bytes: what it holds now, or the most that it has held. */
export async function memoryOf(pid: number, what: 'now' | 'most' = 'now'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = what === 'now' ? 'VmRSS' : 'VmHWM';
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kibibytes) * 1024;
}

/** How many files and sockets a process has open. Not what its threads have for themselves: the janitor's begins when it has something to do. */
export async function openDescriptors(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  // One that is closed while we look is none.
  const targets = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => 'pipe:')),
  );
  return targets.filter((target) => !/^(anon_inode|pipe):/.test(target)).length;
}
