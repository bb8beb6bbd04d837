// `npm run bench -- --profile`: where Weir's time goes at a work, as a flame graph beside the page.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contestantOf, runRound } from './contestant.ts';
import { type CpuProfile, flameGraph } from './report/flame-graph.ts';
import type { ServerKind } from './servers/server-kind.ts';
import { weir } from './servers/weir.ts';
import type { Say, Work } from './works/work.ts';

const pictures = join(import.meta.dirname, '..', 'docs', 'benchmarks');

/**
 * Does the work once, warm, with one worker that is profiled, and draws its last round of so many seconds. Resolves with the picture's path.
 * Rejects for a work that has a proxy or TLS before Weir.
 */
export async function profileWork(work: Work, seconds: number, parent: string, say: Say): Promise<string> {
  if (work.tls !== undefined) throw new Error(`${work.name} is not profiled: something else is before Weir`);
  const fault = work.obtain?.(say);
  if (fault !== undefined) throw new Error(`${work.name} is not profiled: ${fault}`);
  const folder = await mkdtemp(join(parent, `${work.name}-`));
  const profiles = join(folder, 'profiles');
  await mkdir(profiles);
  try {
    say('preparing');
    const setting = { parent: folder, front: undefined, seconds, say };
    const contestant = await contestantOf(work, profiled(profiles), setting);
    try {
      say('running');
      await runRound(work, contestant);
    } finally {
      await contestant.prepared.end?.();
      // It writes what it has at its end.
      await contestant.server.end();
    }
    const took = contestant.rounds[0]?.seconds ?? seconds;
    const path = join(pictures, `flame-${work.name}.svg`);
    await writeFile(path, flameGraph(work.title, await busiestIn(profiles), took));
    return path;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function profiled(profiles: string): ServerKind {
  return {
    ...weir,
    command(folder, port) {
      const { program, args, env } = weir.command(folder, port);
      const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
      return { program, args: [...flags, ...args], env: { ...env, WORKERS: '1' } };
    },
  };
}

/** Of all threads: that of the event loop calls most. */
async function busiestIn(profiles: string): Promise<CpuProfile> {
  const all = await Promise.all(
    (await readdir(profiles)).map(async (name) => {
      return JSON.parse(await readFile(join(profiles, name), 'utf8')) as CpuProfile;
    }),
  );
  const busiest = all.sort((one, other) => other.nodes.length - one.nodes.length)[0];
  if (busiest === undefined) throw new Error('Weir has left no profile');
  return busiest;
}
