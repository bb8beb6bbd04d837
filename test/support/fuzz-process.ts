import { readdir, readFile } from 'node:fs/promises';

/** Memory of a process in bytes: what it holds now, or the most that it has held. */
export async function memoryOf(pid: number, what: 'now' | 'most' = 'now'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = what === 'now' ? 'VmRSS' : 'VmHWM';
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kibibytes) * 1024;
}

/** How many files, sockets and pipes a process has open. */
export async function openDescriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
