import { readdir } from 'node:fs/promises';
import { type Hurt, hurt } from './hurt.ts';
import { traced } from './traced.ts';

/**
 * One system call of a piece of work, by the thread that makes it, its name, and how many of that name the thread has
 * made before. With one thread in the pool (`oneThread`) the same work makes the same calls.
 */
export interface KillPoint {
  readonly thread: 'main' | 'other';
  readonly call: string;
  readonly nth: number;
}

/** Of a server whose calls are to be counted. */
export const oneThread = { UV_THREADPOOL_SIZE: '1' };

/** All that changes files, and what makes changes last. Data is written at positions: `write` is for sockets. */
export const mutatingCalls = [
  'openat',
  'pwrite64',
  'fsync',
  'fdatasync',
  'link',
  'linkat',
  'rename',
  'renameat2',
  'unlink',
  'unlinkat',
  'mkdir',
  'mkdirat',
  'rmdir',
  'utimensat',
  'ftruncate',
] as const;

/** Every such call that a process makes during the work. Opening counts when it makes the file. */
export async function killPointsOf(
  pid: number,
  calls: readonly string[],
  work: () => Promise<void>,
): Promise<KillPoint[]> {
  const trace = await traced(
    pid,
    calls.map((name) => `?${name}`),
  );
  await work();
  const points: KillPoint[] = [];
  const counts = new Map<string, number>();
  for (const { thread: id, name: call, args } of await trace.calls()) {
    const thread = id === pid ? 'main' : 'other';
    const nth = (counts.get(`${id} ${call}`) ?? 0) + 1;
    counts.set(`${id} ${call}`, nth);
    if (call === 'openat' && !args.includes('O_CREAT')) continue;
    if (!points.some((point) => point.thread === thread && point.call === call && point.nth === nth))
      points.push({ thread, call, nth });
  }
  return points;
}

/** Kills the process as it is about to make that call, counted from now. */
export async function killAt(pid: number, { thread, call, nth }: KillPoint): Promise<Hurt> {
  const all = (await readdir(`/proc/${pid}/task`)).map(Number);
  const threads = thread === 'main' ? [pid] : all.filter((id) => id !== pid);
  return await hurt(pid, { calls: [call], fault: 'signal=SIGKILL', when: `${nth}`, threads });
}

/** At most so many of them, spread over all, beginning at a random one. */
export function spread<T>(all: readonly T[], count: number, random: () => number): T[] {
  if (all.length <= count) return [...all];
  const stride = all.length / count;
  const first = random() * stride;
  return Array.from({ length: count }, (_, index) => all.slice(Math.floor(first + index * stride))).flatMap(
    (rest) => rest.slice(0, 1),
  );
}
