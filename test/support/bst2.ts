// BuildStream 2 as a user runs it: the real `bst` and the buildbox-casd that it starts, with a home, a
// configuration and a cache of its own.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Remote } from './bst.ts';
import { runBounded } from './bst-process.ts';
import type { Outcome } from './bst-process.ts';
import { inSid } from './debian-sid.ts';

/** One entry under `servers:`. */
export interface Remote2 extends Remote {
  instanceName?: string;
  /** Half of a cache: what names lead to, or the blobs themselves. Default: all. */
  type?: 'index' | 'storage' | 'all';
  /** File with the token for `authorization: Bearer`. */
  accessToken?: string;
}

export interface Caches {
  artifacts?: Remote2[];
  sources?: Remote2[];
}

export interface Bst2Client {
  /** Runs `bst ARGS` in the project. Rejects when it does not end in time: a client must never hang. */
  run(...args: string[]): Promise<Outcome>;
  /** Other caches from the next run on. */
  useCaches(caches: Caches): Promise<void>;
  /** The same, as somebody writes it into buildstream.conf. */
  useConfiguration(caches: string): Promise<void>;
  /** Loses everything that was built or pulled, so that the next run has to get it from somewhere. */
  forgetEverything(): Promise<void>;
  /** Folder with the files of an element that is in the local cache. */
  checkout(element: string): Promise<string>;
}

const longestRun = 180_000;

/** A user of `project` whose files are all below `home`, which is made. */
export async function bst2Client(home: string, project: string, caches: Caches): Promise<Bst2Client> {
  const configuration = join(home, 'buildstream.conf');
  const cache = join(home, 'cache');
  let checkouts = 0;

  const useConfiguration = async (text: string): Promise<void> => {
    await writeFile(configuration, `${ownSettings(home)}${text}`);
  };
  const useCaches = (wanted: Caches): Promise<void> => useConfiguration(cachesText(wanted));
  const run = async (...args: string[]): Promise<Outcome> => {
    const options = ['--no-colors', '--no-interactive', '--config', configuration];
    const [program, ...command] = inSid(project, ['/usr/bin/bst', ...options, ...args]);
    const env = { HOME: home, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
    return await runBounded(program, command, { cwd: project, env, limit: longestRun });
  };

  await mkdir(home, { recursive: true });
  await useCaches(caches);
  return {
    run,
    useCaches,
    useConfiguration,
    forgetEverything: () => rm(cache, { recursive: true, force: true }),
    async checkout(element) {
      const target = join(home, `checkout-${(checkouts += 1)}`);
      const { code, output } = await run('artifact', 'checkout', element, '--directory', target);
      if (code !== 0) throw new Error(`bst artifact checkout ${element} ended with ${code}:\n${output}`);
      return target;
    },
  };
}

/** Where everything of this user is, and how much of it. */
function ownSettings(home: string): string {
  const folders = {
    cachedir: 'cache',
    sourcedir: 'cache/sources',
    logdir: 'logs',
    workspacedir: 'workspaces',
  };
  return yaml({
    ...Object.fromEntries(Object.entries(folders).map(([key, name]) => [key, join(home, name)])),
    // A test machine may have little room.
    cache: { quota: '10G', 'reserved-disk-space': '1M' },
  });
}

function cachesText({ artifacts = [], sources = [] }: Caches): string {
  return yaml({
    artifacts: { servers: artifacts.map(serverEntry) },
    'source-caches': { servers: sources.map(serverEntry) },
  });
}

/** A line for each key. YAML takes JSON. */
function yaml(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');
}

function serverEntry(remote: Remote2) {
  const { url, push, type, instanceName, serverCert, clientKey, clientCert, accessToken } = remote;
  const auth = {
    'server-cert': serverCert,
    'client-key': clientKey,
    'client-cert': clientCert,
    'access-token': accessToken,
  };
  return {
    url,
    push,
    type,
    'instance-name': instanceName,
    auth: Object.values(auth).some((value) => value !== undefined) ? auth : undefined,
  };
}
