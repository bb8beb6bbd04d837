// BuildStream 1.6 as a user runs it: the real `bst`, with a home, a configuration and a cache of its own.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runBounded } from './bst-process.ts';
import type { Outcome } from './bst-process.ts';

/** One entry under `artifacts:` in buildstream.conf. */
export interface Remote {
  url: string;
  push?: boolean;
  serverCert?: string;
  clientKey?: string;
  clientCert?: string;
}

export interface BstClient {
  /** Runs `bst ARGS` in the project. Rejects when it does not end in time: a client must never hang. */
  run(...args: string[]): Promise<Outcome>;
  /** Other caches from the next run on. */
  useRemotes(remotes: Remote[]): Promise<void>;
  /** The same, as somebody writes it into buildstream.conf. */
  useConfiguration(artifacts: string): Promise<void>;
  /** Loses everything that was built or pulled, so that the next run has to get it from somewhere. */
  forgetArtifacts(): Promise<void>;
  /** Folder with the files of an element that is in the local cache. */
  checkout(element: string): Promise<string>;
}

const longestRun = 120_000;

/** A user of `project` whose files are all below `home`, which is made. No run may take more milliseconds than `limit`. */
export async function bstClient(
  home: string,
  project: string,
  remotes: Remote[],
  limit = longestRun,
): Promise<BstClient> {
  const configuration = join(home, 'buildstream.conf');
  const cache = join(home, 'cache');
  let checkouts = 0;

  const folders = ['source', 'build', 'artifact', 'log'].map((kind) => `${kind}dir: ${join(cache, kind)}\n`);
  const useConfiguration = async (artifacts: string): Promise<void> => {
    await writeFile(configuration, folders.join('') + artifacts);
  };
  const useRemotes = (list: Remote[]): Promise<void> => useConfiguration(artifactsText(list));
  const run = (...args: string[]): Promise<Outcome> => {
    const options = ['--no-colors', '--no-interactive', '--config', configuration];
    const env = { HOME: home, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
    return runBounded('/usr/bin/bst', [...options, ...args], { cwd: project, env, limit });
  };

  await mkdir(home, { recursive: true });
  await useRemotes(remotes);
  return {
    run,
    useRemotes,
    useConfiguration,
    forgetArtifacts: () => rm(cache, { recursive: true, force: true }),
    async checkout(element) {
      const target = join(home, `checkout-${(checkouts += 1)}`);
      const { code, output } = await run('checkout', element, target);
      if (code !== 0) throw new Error(`bst checkout ${element} ended with ${code}:\n${output}`);
      return target;
    },
  };
}

function artifactsText(remotes: Remote[]): string {
  const keys: [field: string, value: (remote: Remote) => string | undefined][] = [
    ['push', (remote) => (remote.push === true ? 'true' : undefined)],
    ['server-cert', (remote) => remote.serverCert],
    ['client-key', (remote) => remote.clientKey],
    ['client-cert', (remote) => remote.clientCert],
  ];
  const entries = remotes.flatMap((remote) => [
    `- url: ${remote.url}`,
    ...keys.flatMap(([field, value]) =>
      value(remote) === undefined ? [] : [`  ${field}: ${value(remote)}`],
    ),
  ]);
  return entries.length === 0 ? '' : ['artifacts:', ...entries, ''].join('\n');
}
